"""`cabinet export` and `cabinet import`: move a user from one Cabinet to another, or to a file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.named import named_user, user_argument
from svc.cli.output import echo
from svc.cli.sections import Command
from svc.errors import CabinetError
from svc.settings import Settings
from svc.tenants.export import find_export
from svc.tenants.imports import Imported, Orders, import_user
from svc.tenants.reading import LineLimits

# An import is one transaction, whose last statements read everything that it inserted.
_STATEMENT_TIMEOUT_S = 3600.0


@click.command("export", cls=Command)
@user_argument
@settings_options(*DATABASE_OPTIONS)
def export_command(settings: Settings, user: str) -> None:
    """Write all data of a user to standard output, one line of JSON for each row.

    The output is that of GET /me/export. Its last line shows whether it is complete.
    """
    if sys.stdout.isatty():
        raise click.UsageError("write the export to a file or a pipe: cabinet export USER > user.ndjson")
    run(_export(settings, user))


@click.command("import", cls=Command)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--replace",
    metavar="USER",
    help="Erase this user first, by id, email address or external id. The export must be of the same user.",
)
@click.option(
    "--plan",
    metavar="NAME",
    help="The user's plan. Without it, a replaced user keeps their plan, and another gets CABINET_DEFAULT_PLAN; the "
    "plan in the file is never used.",
)
@click.option(
    "--with-usage",
    is_flag=True,
    help="Take the daily usage from the file. Without it, a replaced user keeps theirs, and another has none.",
)
@click.option(
    "--without-vectors",
    is_flag=True,
    help="Omit chunks and vectors, for a database with another embedding model: documents are read and embedded again.",
)
@settings_options("embed_messages", "default_plan", "max_upload_bytes", "max_body_bytes", *DATABASE_OPTIONS)
def import_command(  # noqa: PLR0917  (click passes names)
    settings: Settings, file: BinaryIO, replace: str | None, plan: str | None, with_usage: bool, without_vectors: bool
) -> None:
    """Import the user of an export, FILE or - for standard input, in one transaction.

    The file determines neither the replaced user nor the user's plan. An export contains no API keys: create one with
    cabinet key create.
    """
    orders = Orders(
        default_plan=settings.default_plan,
        replace=replace,
        plan=plan,
        with_usage=with_usage,
        without_vectors=without_vectors,
        embed_messages=settings.embed_messages,
    )
    imported = run(_import(settings, file, orders))
    for table, count in imported.rows.items():
        echo(f"{count:>10} {table}")
    for line in _remarks(imported):
        echo(line)
    echo(f"user {imported.user_id}")
    echo(f"plan {imported.plan}")
    echo(f"For a key: cabinet key create {imported.user_id}")


async def _export(settings: Settings, user: str) -> None:
    async with opened_database(settings) as database:
        export = await find_export(database, await named_user(database, user))
        try:
            async for lines in export.pages():
                sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise CabinetError("the reader of the export closed the pipe before its end") from None


async def _import(settings: Settings, file: BinaryIO, orders: Orders) -> Imported:
    limits = LineLimits.of(settings.max_upload_bytes, settings.max_body_bytes)
    patient = settings.model_copy(update={"statement_timeout_s": _STATEMENT_TIMEOUT_S})
    with _read_twice(file) as again:
        async with opened_database(patient) as database:
            return await import_user(database, again, orders, limits)


@contextmanager
def _read_twice(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or the contents of a pipe, which are stored on disk for the duration of the block."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(file, kept, 2**20)
        kept.seek(0)
        yield kept


def _remarks(imported: Imported) -> Iterator[str]:
    if imported.plan_of_file != imported.plan:
        yield f"the plan in the file is {imported.plan_of_file}; cabinet user set-plan changes the plan here"
    if imported.dropped:
        yield f"{imported.dropped} documents or conversations were deleted while the export ran, and are omitted"
    if imported.reset:
        yield f"{imported.reset} documents came without all of their chunks and vectors, and will be read again"
    if imported.queued:
        yield f"{imported.queued} documents wait for a worker"
