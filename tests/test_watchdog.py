"""A test run that a signal ends leaves no processes and no folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.watchdog import MARK, TestRun, memory_folder_of

ROOT = Path(__file__).parent.parent
# A test that uses the server, reports that it runs, and takes long.
SLOW = """
import asyncio
from pathlib import Path

async def test_slow(server):
    Path({started!r}).touch()
    await asyncio.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def start(folder: Path, processes: str) -> subprocess.Popen[bytes]:
    """Start pytest on a slow test, and wait until the test runs."""
    file, started = folder / "test_slow.py", folder / "started"
    file.write_text(SLOW.format(started=str(started)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-n", processes, "-q", "-p", "no:cacheprovider",
         "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest", str(file)],
        env=environment | {"TMPDIR": str(folder), "PYTEST_DEBUG_TEMPROOT": tempfile.gettempdir()},
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not started.exists():
        assert run.poll() is None, "pytest ended before its test began"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run


def runs_in(folder: Path) -> list[Path]:
    return list(folder.glob("cabinet-tests-*"))


def remains(run: Path) -> list[str]:
    """The processes of a run, and its folders."""
    found = [str(path) for path in (run, memory_folder_of(run)) if path.exists()]
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            if process.environ().get(MARK) == str(run) or run.name in words:
                found.append(f"{process.pid} {words}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def until_nothing_remains(run: Path) -> None:
    deadline = time.monotonic() + 30
    while (left := remains(run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


@pytest.mark.parametrize(
    ("number", "processes"),
    [(signal.SIGTERM, "0"), (signal.SIGINT, "0"), (signal.SIGKILL, "0"), (signal.SIGTERM, "1")],
)
def test_a_run_that_is_ended_by_a_signal_leaves_nothing(folder: Path, number: signal.Signals, processes: str) -> None:
    pytest_run = start(folder, processes)
    (run,) = runs_in(folder)
    assert any("postgres" in line for line in remains(run))

    pytest_run.send_signal(number)
    pytest_run.wait(60)

    until_nothing_remains(run)


def test_the_next_run_removes_what_a_killed_watchdog_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest_run = start(folder, "0")
    (run,) = runs_in(folder)
    os.kill(int((run / "watchdog").read_text()), signal.SIGKILL)
    pytest_run.kill()
    pytest_run.wait(60)
    assert any("postgres" in line for line in remains(run))

    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    TestRun().end()

    until_nothing_remains(run)
