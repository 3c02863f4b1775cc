"""Removes the lock files of an embedded server that was not stopped properly.

The lock files contain a process id. After a restart of the machine or the container, another process may have that id.
The wheel takes it for a running server, and PostgreSQL for one that uses the folder, so the server would not start.
"""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

_LOCK_FILE_LINES = 8


def is_running(folder: Path) -> bool:
    """Whether a server is running on `folder`, ready or still recovering."""
    lines = _lock_file_lines(folder)
    return bool(lines and lines[0].isdigit() and _is_server(int(lines[0]), folder))


def has_orphans(folder: Path) -> bool:
    """Whether child processes of a killed server still run. They end by themselves, if busy after their statement."""
    return any(_works_in(process, folder) for process in psutil.process_iter(["name", "cwd"]))


def _works_in(process: psutil.Process, folder: Path) -> bool:
    return bool(process.info["name"] == "postgres" and process.info["cwd"] == str(folder))


def remove_leftovers(folder: Path) -> None:
    """Remove the lock files of a dead server if PostgreSQL would not remove them itself."""
    lines = _lock_file_lines(folder)
    if lines is None or is_running(folder):
        return
    if len(lines) >= _LOCK_FILE_LINES and lines[0].isdigit() and not psutil.pid_exists(int(lines[0])):
        # PostgreSQL removes the file itself, after it has used it to check that no process of the dead server still
        # runs: two servers on one folder would destroy the data.
        return
    logger.info("the embedded server was not stopped properly; it will recover")
    # Lines four and five are the port and the folder of the socket, which has its own lock file.
    if len(lines) > 4 and lines[4]:
        (Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock").unlink(missing_ok=True)
    (folder / "postmaster.pid").unlink()


def _lock_file_lines(folder: Path) -> list[str] | None:
    file = folder / "postmaster.pid"
    return file.read_text().splitlines() if file.exists() else None


def _is_server(pid: int, folder: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and str(folder) in process.cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        # It may be the server: failing to start is better than two servers on one folder.
        return True
