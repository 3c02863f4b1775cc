"""Plants faults in copies of the source, one at a time, and checks that a campaign or a test catches each.

    python -m tests.campaigns.chaos.planted [NAME…] [--list]

A fault is a change of a few characters; the copy is imported in place of the checkout. Its command must fail, and must
succeed without the fault, which `--sound` checks. Prints the check that detected each fault.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.sql.checker import ROOT

_COPIED = ("svc", "sql", "migrations", "tests", "pyproject.toml", "README.md", "docs")
_LONGEST_S = 900


@dataclass(frozen=True)
class Change:
    """A text in a file, and its replacement."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Planted:
    """A fault: its changes, the command that must detect it, and a pattern for the command's output."""

    changes: tuple[Change, ...]
    command: tuple[str, ...]
    caught_by: str


def _campaign(faults: str, minutes: float = 0.5, seed: int = 7) -> tuple[str, ...]:
    return (
        sys.executable, "-m", "tests.campaigns.chaos",
        "--minutes", str(minutes), "--seed", str(seed), "--faults", faults, "--settle", "60",
    )  # fmt: skip


def _test(path: str, name: str) -> tuple[str, ...]:
    return sys.executable, "-m", "pytest", "-o", "addopts=", "-x", "-q", path, "-k", name


PLANTED = {
    "fencing off": Planted(
        (
            Change(
                "sql/ingest/complete.sql",
                "        and d.attempt = $3::int\n        and d.status = 'processing'\n",
                "        and $3::int > 0\n",
            ),
        ),
        # The keys of the tables also prevent a stale worker from storing anything twice, so no campaign detects this
        # fault.
        _test("tests/ingest/test_worker.py", "lost_its_lease"),
        "FAILED .*lost_its_lease",
    ),
    "renewal off": Planted(
        (
            Change(
                "sql/ingest/heartbeat.sql",
                "set due_at = now() + make_interval(secs => $4::float8)\n",
                "set due_at = j.due_at\n",
            ),
        ),
        _campaign("endpoint in a mood"),
        "although it was at work",
    ),
    "commit outside the transaction": Planted(
        (
            Change(
                "svc/ingest/queue.py",
                "store_chunks(transaction, job,",
                "store_chunks(self._database, job,",
            ),
        ),
        _campaign("worker killed,backends ended"),
        "documents_not_whole|totals_wrong",
    ),
    "a missing user_id": Planted(
        (Change("sql/documents/get.sql", "d.user_id = $1::uuid", "$1::uuid is not null"),),
        _campaign("connections reset"),
        "a stranger reads",
    ),
    "a keeper that dies": Planted(
        (
            Change("svc/background.py", "        while not self._is_stopping:\n", "        for _ in range(4):\n"),
            Change("svc/background.py", "self._restart = task.get_loop().call_later(pause_s, self._start)", ""),
        ),
        _campaign("connections reset"),
        "documents_not_ready|messages_without_vector|usage_wrong",
    ),
    "an unbounded body": Planted(
        (Change("svc/web/routing.py", "self.body, limit_bytes, kind)", "self.body, 2**40, kind)"),),
        _test("tests/routes/test_errors.py", "limit_of_a_body"),
        "FAILED .*limit_of_a_body",
    ),
    "a release that swallows a cancellation": Planted(
        (
            Change(
                "svc/database/pool.py",
                "undo=self.undo)\n        self._pool.shares.leave(self._turn)\n",
                "undo=self.undo)\n        self._pool.shares.leave(self._turn)\n"
                "        return kind is asyncio.CancelledError\n",
            ),
        ),
        _test("tests/database/test_broken_network.py", "cancellation"),
        "FAILED .*cancellation",
    ),
}


def main() -> int:
    """Plant the named faults, or all; returns 1 if one was not caught."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="those whose name contains one of these")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--sound", action="store_true", help="run the commands without the faults; all must succeed")
    options = parser.parse_args()
    chosen = {
        name: planted
        for name, planted in PLANTED.items()
        if not options.names or any(each in name for each in options.names)
    }
    if options.list:
        print("\n".join(f"{name}: {planted.changes[0].file}" for name, planted in chosen.items()))
        return 0
    missed = [name for name, planted in chosen.items() if not _is_right(name, planted, is_sound=options.sound)]
    return int(bool(missed))


def _is_right(name: str, planted: Planted, *, is_sound: bool) -> bool:
    """Run the command of a fault with or without it, and print the result."""
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cabinet-planted-") as folder:
        copy = Path(folder)
        # Root's PostgreSQL runs as another user, who must be able to access this folder.
        copy.chmod(0o755)
        for each in _COPIED:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / each)
        if not is_sound:
            plant(copy, planted)
        done = subprocess.run(
            planted.command, cwd=copy, env={**os.environ, "PYTHONPATH": folder},
            capture_output=True, text=True, timeout=_LONGEST_S, check=False,
        )  # fmt: skip
    output = done.stdout + done.stderr
    lines = [line.strip() for line in output.splitlines() if re.search(planted.caught_by, line)]
    is_caught = done.returncode == 1 and bool(lines)
    is_right = done.returncode == 0 if is_sound else is_caught
    word = ("sound" if is_right else "FAILS WITHOUT THE FAULT") if is_sound else ("caught" if is_right else "MISSED")
    print(f"{name}: {word} after {time.monotonic() - started_s:.0f} s", flush=True)
    print(f"    {' '.join(planted.command[1:])}")
    for line in lines[:2]:
        print(f"    {line[:200]}")
    if not is_right:
        print("    " + "\n    ".join(output.splitlines()[-25:]))
    return is_right


def plant(copy: Path, planted: Planted) -> None:
    """Change the files.

    Raises:
        AssertionError: a file no longer contains what is to be replaced.
    """
    for change in planted.changes:
        path = copy / change.file
        text = path.read_text()
        assert change.old in text, f"{change.file} no longer contains {change.old!r}"
        path.write_text(text.replace(change.old, change.new))


if __name__ == "__main__":
    sys.exit(main())
