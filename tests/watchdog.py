"""A separate process that outlives a test run, and removes the processes and folders of a killed run.

The run starts the watchdog with a pipe to which nothing is written. When the run ends in any way, the pipe is closed:
the watchdog ends the processes that have the run's mark in their environment or use its folders, and then removes the
folders. The next run removes the remains of a killed watchdog.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

MARK = "CABINETS_TEST_RUN"
"""The environment variable that names the folder of the run, which `clean_environment` must not remove."""
_PREFIX = "cabinet-tests-"
_MEMORY = Path("/dev/shm")
_LOOK_S = 1.0
_ROUNDS = 20


class TestRun:
    """The folders of one run, and its watchdog."""

    __test__ = False

    def __init__(self) -> None:
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if _is_abandoned(folder):
                clean(folder)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Root's PostgreSQL runs as another user, who must access its folder below this one.
        self.folder.chmod(0o755)
        self._watchdog = subprocess.Popen(
            [sys.executable, __file__, str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        (self.folder / "watchdog").write_text(str(self._watchdog.pid))

    def end(self) -> None:
        """Let the watchdog work before the process ends, and wait for it."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait(60)


def memory_folder_of(folder: Path) -> Path:
    """The in-memory folder that belongs to the folder of a run; it need not exist."""
    return _MEMORY / folder.name


def memory_folder() -> str | None:
    """The run's in-memory folder, if this process belongs to a run and there is room. Most tests copy a database, which
    takes 8 ms in memory and 50 to 250 ms on a disk."""
    if MARK not in os.environ:
        return None
    folder = memory_folder_of(Path(os.environ[MARK]))
    memory = folder.parent
    if not (memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 1024**3):
        return None
    folder.mkdir(exist_ok=True)
    # Root's PostgreSQL runs as another user.
    folder.chmod(0o755)
    return str(folder)


def _is_abandoned(folder: Path) -> bool:
    """Whether the watchdog of a folder is gone."""
    try:
        watchdog = psutil.Process(int((folder / "watchdog").read_text()))
        return str(folder) not in watchdog.cmdline()
    except (OSError, ValueError):
        # Another run may be starting.
        return folder.exists() and time.time() - folder.stat().st_mtime > 60
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def clean(folder: Path) -> None:
    """End the processes of a run, and remove its folders."""
    for number in range(_ROUNDS):
        processes = list(_processes_of(folder))
        if not processes:
            break
        # Processes that would restart a server come first. A killed server would leave its shared memory.
        others = [process for process in processes if process.name() != "postgres"]
        for process in others or processes:
            try:
                process.send_signal(signal.SIGKILL if others or number > _ROUNDS // 2 else signal.SIGQUIT)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(processes, timeout=0.2)
    for one in (memory_folder_of(folder), folder):
        shutil.rmtree(one, ignore_errors=True)


def _processes_of(folder: Path) -> Iterator[psutil.Process]:
    below = tuple(f"{one}/" for one in (folder, memory_folder_of(folder)))
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            is_ours = process.environ().get(MARK) == str(folder) or f"{process.cwd()}/".startswith(below)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if is_ours and str(folder) not in process.cmdline()[2:3]:
            yield process


def _watch(folder: Path) -> None:
    run = os.getppid()
    # A child of the run may keep the pipe open; then the end of the run is detected by the parent process.
    while os.getppid() == run and not select.select([sys.stdin], [], [], _LOOK_S)[0]:
        pass
    clean(folder)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
