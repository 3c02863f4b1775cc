"""Base backups of the embedded server: complete copies of its data folder, each verified."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from svc.embedded.archive import BackupFolder
from svc.embedded.backup_manifest import verify
from svc.embedded.server import EmbeddedServer
from svc.errors import StartupError

_NAME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_START_SEGMENT = re.compile(r"^START WAL LOCATION: .* \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True)
class BaseBackup:
    """A base backup. A restore can reach any time from `complete_at` on."""

    path: Path
    complete_at: datetime

    @property
    def size_bytes(self) -> int:
        """The size of its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    @property
    def first_segment(self) -> str:
        """The name of the first WAL segment that a restore needs.

        Raises:
            StartupError: the backup is damaged.
        """
        try:
            found = _START_SEGMENT.search((self.path / "backup_label").read_text())
        except OSError:
            found = None
        if found is None:
            raise StartupError(f"The base backup {self.path} is damaged: its backup_label cannot be read")
        return found[1]


def list_base_backups(folder: BackupFolder) -> list[BaseBackup]:
    """The complete base backups, oldest first."""
    found = []
    for path in folder.bases.glob("*Z") if folder.bases.is_dir() else ():
        try:
            found.append(BaseBackup(path, datetime.strptime(path.name, _NAME_FORMAT).replace(tzinfo=UTC)))
        except ValueError:
            continue
    return sorted(found, key=lambda backup: backup.complete_at)


async def take_base_backup(server: EmbeddedServer, folder: BackupFolder) -> BaseBackup:
    """Copy the data folder of the running server, with the WAL that the copy needs, and verify the copy.

    Raises:
        StartupError: the copy failed, and was removed.
    """
    partial = folder.bases / "partial"
    try:
        folder.bases.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A killed command leaves its copy.
        shutil.rmtree(partial, ignore_errors=True)
        await _run(
            server.programs / "pg_basebackup",
            *("--dbname", server.replication_url, "--pgdata", partial),
            *("--checkpoint", "fast", "--wal-method", "stream", "--manifest-checksums", "SHA256"),
        )
        await asyncio.to_thread(verify, partial)
        # The time in the name must not precede the end of the copy, so it is rounded up.
        complete_at = (datetime.now(UTC) + timedelta(seconds=1)).replace(microsecond=0)
        path = folder.bases / complete_at.strftime(_NAME_FORMAT)
        partial.rename(path)
    except OSError as error:
        raise StartupError(f"The base backup in {folder.bases} failed: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return BaseBackup(path, complete_at)


async def remove_older(programs: Path, folder: BackupFolder, keep: int) -> Sequence[BaseBackup]:
    """Remove all base backups but the newest `keep`, and the WAL that only they need. Returns the removed ones.

    Raises:
        StartupError: a file cannot be removed.
    """
    backups = list_base_backups(folder)
    removed, kept = backups[:-keep], backups[-keep:]
    if not removed:
        return []
    try:
        for backup in removed:
            shutil.rmtree(backup.path)
    except OSError as error:
        raise StartupError(f"An old base backup cannot be removed: {error.strerror}: {error.filename}") from error
    if folder.wal.is_dir():
        await _run(programs / "pg_archivecleanup", "-x", ".gz", folder.wal, kept[0].first_segment)
    return removed


async def _run(program: Path, *arguments: str | Path) -> None:
    """Run a program of PostgreSQL; it is killed if the command is cancelled.

    Raises:
        StartupError: the program failed, with the last line that it printed.
    """
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = output.decode(errors="replace").strip().splitlines() or ["no message"]
        raise StartupError(f"{program.name} failed: {lines[-1]}")
