"""Restores a database of the embedded server from a base backup and the WAL after it, up to a time."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from svc.embedded.archive import WAL_FILE, BackupFolder, backup_folder, give_to_server
from svc.embedded.backup_manifest import verify
from svc.embedded.base_backups import BaseBackup, list_base_backups
from svc.embedded.server import postgres_folder, stopped_server
from svc.errors import StartupError

_RESTORE = """
# Written by Cabinet for the time of a restore.
restore_command = '{command}'
recovery_target_action = 'promote'
recovery_target_timeline = '{timeline}'
{target}
# No client may read the database before it is restored.
hot_standby = off
"""
_FROM_ARCHIVE = 'test -e "{wal}/%f.gz" && gzip -dc "{wal}/%f.gz" > "%p"'
_FROM_FOLDER = 'test -e "{wal}/%f" && cp "{wal}/%f" "%p"'
_LAST_COMMIT = re.compile(r"last completed transaction was at log time (\S+ \S+)")


@dataclass(frozen=True)
class Restored:
    """A restored database: the base backup that it comes from, and the last commit of the WAL that was replayed."""

    base: BaseBackup
    last_commit: str | None


async def restore(
    folder: BackupFolder, data_dir: Path, *, at: datetime | None, wal: Path | None, timeline: str = "latest"
) -> Restored:
    """Restore into a new data folder: all transactions committed until `at`, or all archived ones.

    `wal` is the folder `pg_wal` of the lost server, if it still exists: it contains the WAL that was not archived yet.

    Raises:
        StartupError: there is no base backup before `at`, the WAL ends before it, the folder is not new, or a file
            is damaged.
    """
    base = _base_for(list_base_backups(folder), folder, at)
    data = postgres_folder(data_dir)
    if data.exists():
        raise StartupError(f"{data} exists; a restore makes a new data folder, so choose another")
    version = cast(Literal["16", "18"], (base.path / "PG_VERSION").read_text().strip())
    await asyncio.to_thread(verify, base.path)
    try:
        await asyncio.to_thread(_copy, base.path, data)
        _configure(data, folder, at, wal, timeline)
        await asyncio.to_thread(_recover, stopped_server(data, version))
    except BaseException as error:
        log = data / "log"
        text = log.read_text(errors="replace") if log.exists() else ""
        shutil.rmtree(data, ignore_errors=True)
        if isinstance(error, OSError):
            raise StartupError(f"The base backup cannot be copied to {data}: {error.strerror}") from error
        if isinstance(error, StartupError):
            raise _explained(text, at) or error from error
        raise
    (data / WAL_FILE).unlink()
    return Restored(base, _last_commit((data / "log").read_text(errors="replace")))


def _base_for(backups: Sequence[BaseBackup], folder: BackupFolder, at: datetime | None) -> BaseBackup:
    if not backups:
        raise StartupError(f"{folder.bases} contains no base backup; cabinet backup makes one")
    suitable = [backup for backup in backups if at is None or backup.complete_at <= at]
    if not suitable:
        raise StartupError(
            f"The oldest base backup is of {backups[0].complete_at.isoformat()}; nothing before it can be restored"
        )
    return suitable[-1]


def _copy(base: Path, data: Path) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(base, data, symlinks=True)
    data.chmod(0o700)
    # The log, and the list of the processes that used the server, are those of the original.
    for name in ("log", ".handle_pids.json"):
        (data / name).unlink(missing_ok=True)


def _configure(data: Path, folder: BackupFolder, at: datetime | None, wal: Path | None, timeline: str) -> None:
    command = _FROM_ARCHIVE.format(wal=folder.wal)
    if wal is not None:
        command = f"{{ {command}; }} || {{ {_FROM_FOLDER.format(wal=backup_folder(wal).path)}; }}"
    target = "" if at is None else f"recovery_target_time = '{at.astimezone(UTC).isoformat(sep=' ')}'"
    (data / WAL_FILE).write_text(_RESTORE.format(command=command, timeline=timeline, target=target))
    (data / "recovery.signal").touch()


def _recover(server: Any) -> None:
    """Run the server until its recovery has ended, before anybody can connect.

    This does not use the wheel, which waits for ever for a server that ends during its recovery.

    Raises:
        StartupError: the recovery failed.
    """
    data = server.pgdata
    with (data / "log").open("ab") as log:
        give_to_server(server, data / "log")
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [server.bin_path / "postgres", "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories=."],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=server.system_user,
        )
    try:
        while process.poll() is None and not _is_ready(data / "postmaster.pid"):
            time.sleep(0.1)
        if process.returncode is not None:
            raise StartupError(f"The restore failed; the log of PostgreSQL ends with: {_last_lines(data / 'log')}")
    finally:
        # A fast shutdown.
        process.send_signal(signal.SIGINT)
        process.wait()


def _is_ready(lock_file: Path) -> bool:
    """Whether the server has ended its recovery, by the last line of its lock file."""
    try:
        return lock_file.read_text().splitlines()[-1].strip() == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "ERROR" in line]
    return " / ".join(lines[-2:])


def _explained(log: str, at: datetime | None) -> StartupError | None:
    """A message for a restore that ended before its target; None for other reasons."""
    if at is not None and "recovery ended before configured recovery target was reached" in log:
        last = _last_commit(log)
        until = "before it" if last is None else f"with the commit of {last}"
        return StartupError(
            f"The WAL does not reach {at.isoformat()}: it ends {until}. Choose an earlier time, leave --at out to "
            "restore everything, or name the pg_wal of the lost data folder with --wal"
        )
    return None


def _last_commit(log: str) -> str | None:
    found = _LAST_COMMIT.findall(log)
    return f"{found[-1].partition('+')[0]} UTC" if found else None
