"""`cabinet export` and `cabinet import`: a user from one Cabinet to another, or to a file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from uuid import UUID

import click

from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.errors import CabinetError
from svc.settings import Settings
from svc.tenants.export import find_export
from svc.tenants.imports import Imported, import_user

# An import is one transaction, whose last statements look at all that it brought.
_STATEMENT_TIMEOUT_S = 3600.0


@click.command("export")
@click.argument("user_id", type=click.UUID)
@settings_options(*DATABASE_OPTIONS)
def export_command(settings: Settings, user_id: UUID) -> None:
    """Write all data of a user to standard output, one line of JSON for each row.

    The output is that of GET /me/export. Its last line shows whether it is complete.
    """
    if sys.stdout.isatty():
        raise click.UsageError("an export is for a file or a pipe: cabinet export USER_ID > user.ndjson")
    run(_export(settings, user_id))


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Erase the user of this id first, if there is one.")
@click.option(
    "--without-vectors",
    is_flag=True,
    help="Leave out chunks and vectors, for a database with another embedding model: all is read and embedded again.",
)
@settings_options("embed_messages", *DATABASE_OPTIONS)
def import_command(settings: Settings, file: BinaryIO, replace: bool, without_vectors: bool) -> None:
    """Import the user of an export, FILE or - for standard input, in one transaction.

    An export contains no API keys: create one with cabinet key create.
    """
    imported = run(_import(settings, file, replace, without_vectors))
    for table, count in imported.rows.items():
        click.echo(f"{count:>10} {table}")
    for line in _remarks(imported):
        click.echo(line)
    click.echo(f"user {imported.user_id}\nFor a key: cabinet key create {imported.user_id}")


async def _export(settings: Settings, user_id: UUID) -> None:
    async with opened_database(settings) as database:
        export = await find_export(database, user_id)
        try:
            async for lines in export.pages():
                sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise CabinetError("the reader of the export closed the pipe before its end") from None


async def _import(settings: Settings, file: BinaryIO, replace: bool, without_vectors: bool) -> Imported:
    patient = settings.model_copy(update={"statement_timeout_s": _STATEMENT_TIMEOUT_S})
    with _read_twice(file) as again:
        async with opened_database(patient) as database:
            return await import_user(
                database,
                again,
                replace=replace,
                without_vectors=without_vectors,
                embed_messages=settings.embed_messages,
            )


@contextmanager
def _read_twice(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or where it is a pipe what comes out of it, kept on disk for the block."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(file, kept, 2**20)
        kept.seek(0)
        yield kept


def _remarks(imported: Imported) -> Iterator[str]:
    if imported.dropped:
        yield f"{imported.dropped} documents or conversations were deleted while the export ran, and are left out"
    if imported.reset:
        yield f"{imported.reset} documents came without all of their chunks and vectors, and are read again"
    if imported.queued:
        yield f"{imported.queued} documents wait for a worker"
