"""A copy of the service and its tests, and the runs of the suite on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tests.campaigns.planted_faults.faults import ROOT, SUITE
from tests.campaigns.planted_faults.tasks import MADE, REPORT, TASKS, Done, Task
from tests.server_process import clean_environment
from tests.watchdog import MARK

_COPIED = ("svc", "sql", "migrations", "tests", "clients/python", "pyproject.toml")
_PLUGIN = "tests.campaigns.planted_faults.plugin"
_LOOK_S = 0.5


class Copy:
    """A copy of the checkout in a new folder, with the database that all runs share elsewhere."""

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder, self._database = folder, database
        for name in _COPIED:
            source, target = ROOT / name, folder / "tree" / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".venv*"))
            else:
                shutil.copy2(source, target)

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Run tasks with the synchronous client, and yield the outcome of each as soon as it is there."""
        tree, report = self._folder / "tree", self._folder / "report.jsonl"
        report.write_bytes(b"")
        (self._folder / "tasks.json").write_bytes(msgspec.json.encode(tasks))
        environment = clean_environment(
            # The copy precedes the checkout, which the environment would import otherwise.
            PYTHONPATH=f"{tree}:{tree / 'clients/python'}",
            # All servers of a run use the same compiled code, but for the changed file.
            PYTHONDONTWRITEBYTECODE="",
            **{REPORT: str(report), MADE: str(self._database), TASKS: str(self._folder / "tasks.json")},
        )
        environment.pop(MARK, None)
        options = ["-n0", "-q", "-m", "not slow", "-p", _PLUGIN, "-p", "no:cacheprovider", SUITE]
        with (self._folder / "output").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options],
                cwd=tree, env=environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                yield from _reported(report, process)
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait()

    def output(self) -> str:
        """What the last run printed."""
        return (self._folder / "output").read_text()


def _reported(report: Path, process: subprocess.Popen[bytes]) -> Iterator[Done]:
    with report.open("rb") as file:
        while True:
            has_ended = process.poll() is not None
            place = file.tell()
            line = file.readline()
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line, type=Done)
            elif has_ended:
                return
            else:
                file.seek(place)
                time.sleep(_LOOK_S)
