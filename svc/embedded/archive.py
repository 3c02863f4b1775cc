"""The folder of backups of the embedded server: base backups and its archived write-ahead log (WAL).

The server reads `wal.conf` in its data folder: where its WAL goes or, during a restore, where it comes from.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from svc.errors import StartupError

WAL_FILE = "wal.conf"
ARCHIVE_TIMEOUT_S = 60
"""A segment is archived at least this often, if anything was written."""
# PostgreSQL passes the commands to a shell, with %p and %f replaced.
_UNSAFE = re.compile(r"""["'`$\\%\n\r]""")
_ARCHIVE = """
# Written by Cabinet.
archive_mode = on
archive_timeout = {timeout_s}s
archive_command = '{command}'
"""
# A segment that is archived again after a crash must equal the existing one. It is renamed when it is on disk.
_ARCHIVE_COMMAND = (
    'if test -e "{wal}/%f.gz"; then gzip -dc "{wal}/%f.gz" | cmp -s - "%p"; else '
    'gzip -1 -c "%p" > "{wal}/%f.gz.partial" && sync "{wal}/%f.gz.partial" && '
    'mv "{wal}/%f.gz.partial" "{wal}/%f.gz" && sync "{wal}"; fi'
)


@dataclass(frozen=True)
class BackupFolder:
    """The folders of the base backups and the archived WAL of one database."""

    path: Path

    @property
    def bases(self) -> Path:
        """The folder of the base backups, one folder each."""
        return self.path / "base"

    @property
    def wal(self) -> Path:
        """The folder of the archived segments, each compressed by gzip."""
        return self.path / "wal"


@dataclass(frozen=True)
class Archiver:
    """Whether the server archives its WAL, and when it last succeeded and failed."""

    is_on: bool
    archived_at: datetime | None
    failed_at: datetime | None

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self.failed_at is not None and (self.archived_at is None or self.failed_at > self.archived_at)


def backup_folder(path: Path) -> BackupFolder:
    """The folder of backups, as an absolute path.

    Raises:
        StartupError: a shell would misread the path.
    """
    absolute = path.expanduser().resolve()
    if _UNSAFE.search(str(absolute)):
        raise StartupError(
            f"The folder of backups {str(absolute)!r} contains a quote, a backslash or one of ` $ %, which the "
            "server's shell would misread; choose another CABINET_BACKUP_DIR"
        )
    return BackupFolder(absolute)


def configure_archive(server: Any, folder: BackupFolder | None) -> None:
    """Let the server archive its WAL into the folder, or stop doing so. Takes effect when the server starts.

    Raises:
        StartupError: the folder belongs to another database, or cannot be written.
    """
    configuration = server.pgdata / WAL_FILE
    if folder is None:
        configuration.unlink(missing_ok=True)
        return
    _make_folders(server, folder)
    _refuse_another_database(server, folder)
    command = _ARCHIVE_COMMAND.format(wal=folder.wal)
    configuration.write_text(_ARCHIVE.format(timeout_s=ARCHIVE_TIMEOUT_S, command=command))
    configuration.chmod(0o644)


def give_to_server(server: Any, path: Path) -> None:
    """Make the server's user the owner of a file or folder, if the server runs as another user than this process."""
    if server.system_user is None:
        return
    owner = server.pgdata.stat()
    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _make_folders(server: Any, folder: BackupFolder) -> None:
    try:
        folder.bases.mkdir(parents=True, exist_ok=True)
        folder.bases.chmod(0o700)
        folder.wal.mkdir(exist_ok=True)
        folder.wal.chmod(0o700)
        give_to_server(server, folder.wal)
    except OSError as error:
        raise StartupError(f"The folder of backups {folder.path} cannot be made: {error.strerror}") from error
    test = subprocess.run(["/bin/sh", "-c", 'test -w "$0"', folder.wal], user=server.system_user, check=False)  # noqa: S603
    if test.returncode != 0:
        raise StartupError(
            f"The server, which runs as {server.system_user or 'this user'}, cannot write to {folder.wal}; choose "
            "another CABINET_BACKUP_DIR, or let it pass through the folders above"
        )


def _refuse_another_database(server: Any, folder: BackupFolder) -> None:
    own = system_identifier(server.bin_path, server.pgdata)
    note = folder.path / "system_identifier"
    if not note.exists():
        note.write_text(f"{own}\n")
    elif note.read_text().strip() != own:
        raise StartupError(
            f"The folder of backups {folder.path} belongs to another database. Choose another CABINET_BACKUP_DIR for "
            f"the one in {server.pgdata.parent}"
        )


def system_identifier(programs: Path, data: Path) -> str:
    """The system identifier that initdb gave the database; its copies have the same.

    Raises:
        StartupError: the folder contains no complete database.
    """
    control = subprocess.run(  # noqa: S603 - our own program, no shell
        [programs / "pg_controldata", "-D", data],
        env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"^Database system identifier:\s+(\d+)$", control.stdout, re.MULTILINE)
    if found is None:
        raise StartupError(f"The folder {data} contains no complete database")
    return found[1]
