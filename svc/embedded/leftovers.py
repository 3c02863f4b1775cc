"""What an embedded server leaves in its folder when it does not get to stop.

The lock files name its process. After a restart of the machine or the container that number may be another's, which
the wheel takes for a running server, and PostgreSQL for one that uses the folder: neither would start again.
"""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

_LOCK_FILE_LINES = 8


def is_running(folder: Path) -> bool:
    """Whether a server runs on `folder`, ready or still recovering."""
    lines = _lock_file_lines(folder)
    return bool(lines and lines[0].isdigit() and _is_server(int(lines[0]), folder))


def has_orphans(folder: Path) -> bool:
    """Whether processes of a server that was killed still use its memory. They end by themselves, those that run a
    statement a moment later."""
    return any(_works_in(process, folder) for process in psutil.process_iter(["name", "cwd"]))


def _works_in(process: psutil.Process, folder: Path) -> bool:
    return bool(process.info["name"] == "postgres" and process.info["cwd"] == str(folder))


def remove_leftovers(folder: Path) -> None:
    """Remove the lock files of a server that is no more, where PostgreSQL would not do so itself."""
    lines = _lock_file_lines(folder)
    if lines is None or is_running(folder):
        return
    if len(lines) >= _LOCK_FILE_LINES and lines[0].isdigit() and not psutil.pid_exists(int(lines[0])):
        # PostgreSQL removes the file itself, after it has looked by it whether processes of the dead server still run:
        # with two servers on one folder, what is stored would be lost.
        return
    logger.info("the embedded server did not stop properly the last time; it will recover")
    # Lines four and five are port and folder of the socket, which has a lock file of its own.
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
        # It cannot be seen whose it is: better no start than two servers on one folder.
        return True
