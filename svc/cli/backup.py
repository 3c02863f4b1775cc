"""`cabinet backup` and `cabinet restore`: the data of the embedded server, up to any time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from svc.cli.environment import DATABASE_OPTIONS, embedded_server, run, settings_options
from svc.cli.output import echo
from svc.cli.sections import Command
from svc.embedded.archive import BackupFolder, backup_folder
from svc.embedded.base_backups import remove_older, take_base_backup
from svc.embedded.restore import Restored, restore
from svc.errors import StartupError
from svc.settings import Settings


class Timestamp(click.ParamType[datetime]):
    """A timestamp with its offset from UTC."""

    name = "a timestamp with an offset, such as 2026-05-04T09:30:00Z"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Convert the text of an option."""
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail(f"{value!r} is not {self.name}", param, ctx)
        return at


@click.command("backup", cls=Command)
@click.option("--keep", type=click.IntRange(1, 10_000), help="Remove all base backups but the newest of this number.")
@settings_options("backup_dir", *DATABASE_OPTIONS)
def backup_command(settings: Settings, keep: int | None) -> None:
    """Make a base backup of the embedded server in CABINET_BACKUP_DIR, and verify it.

    If cabinet serve runs with CABINET_BACKUP_DIR, the server archives its WAL there, and cabinet restore can restore
    any time since the base backup. Otherwise it can restore only the end of the base backup.
    """
    run(_backup(settings, _folder(settings), keep))


@click.command("restore", cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--at", type=Timestamp(), help="Restore the state at this timestamp; default: the latest.")
@click.option(
    "--wal",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder postgres/pg_wal of the lost data folder: its last minute, which was not archived yet.",
)
@click.option(
    "--timeline", type=click.IntRange(1), help="The timeline to follow after an earlier restore; default: the latest."
)
@settings_options("backup_dir", "log_level")
def restore_command(
    settings: Settings, folder: Path, at: datetime | None, wal: Path | None, timeline: int | None
) -> None:
    """Restore from CABINET_BACKUP_DIR into the new data folder FOLDER.

    The backups stay as they are. Serve the restored data with: cabinet serve --data-dir FOLDER
    """
    restored = run(_restore(_folder(settings), folder, at, wal, timeline))
    echo(f"restored into {folder.expanduser().resolve()}, from the base backup {restored.base.path.name}")
    if restored.last_commit is not None:
        echo(f"last commit: {restored.last_commit}")
    echo("Keys revoked, users deleted and shares withdrawn after that are valid again; docs/backup.md says what to do")
    echo(f"Serve it with: cabinet serve --data-dir {folder}")


def _folder(settings: Settings) -> BackupFolder:
    if settings.backup_dir is None:
        raise click.UsageError("name the folder of backups with --backup-dir or CABINET_BACKUP_DIR")
    return backup_folder(settings.backup_dir)


async def _backup(settings: Settings, folder: BackupFolder, keep: int | None) -> None:
    if settings.database_url is not None:
        raise StartupError(
            "cabinet backup is for the embedded server, and DATABASE_URL is set. Back up a PostgreSQL of your own with "
            "its own tools: docs/backup.md"
        )
    started = time.monotonic()
    async with embedded_server(settings) as server:
        archiver = await server.archiver()
        backup = await take_base_backup(server, folder)
        size_mb = backup.size_bytes / 1e6
        echo(f"base backup {backup.path}: {size_mb:,.0f} MB in {time.monotonic() - started:.1f} s, verified")
        removed = [] if keep is None else await remove_older(server.programs, folder, keep)
    for each in removed:
        echo(f"removed {each.path}")
    if not archiver.is_on:
        echo(
            "The server does not archive its WAL, so a restore ends at the base backup. Run cabinet serve with "
            "CABINET_BACKUP_DIR to restore up to any time.",
            err=True,
        )
    elif archiver.is_failing:
        raise StartupError(
            f"The server could not archive its WAL at {archiver.failed_at:%H:%M:%S %Z}; the reason is in "
            f"{settings.data_dir / 'postgres' / 'log'}"
        )
    else:
        last = (
            "nothing yet" if archiver.archived_at is None else f"until {archiver.archived_at.astimezone(UTC):%H:%M:%S}"
        )
        echo(f"WAL archived {last}")


async def _restore(
    folder: BackupFolder, data_dir: Path, at: datetime | None, wal: Path | None, timeline: int | None
) -> Restored:
    return await restore(folder, data_dir, at=at, wal=wal, timeline="latest" if timeline is None else str(timeline))
