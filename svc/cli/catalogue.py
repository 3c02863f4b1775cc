"""`cabinet sql list` and `cabinet sql report`: overviews of all statements."""

from __future__ import annotations

import asyncio
import fnmatch
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import click

from svc.catalogue.callers import recorded_callers
from svc.catalogue.entries import Entry, Order, chosen, make_entries
from svc.catalogue.report import Report, render
from svc.catalogue.schema import read_schema
from svc.catalogue.server_times import server_times
from svc.catalogue.statement_plans import read_plans
from svc.catalogue.timings import Timings, timings_of_server, timings_of_service
from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, migrated_urls, opened_database, run, settings_options
from svc.cli.failing import fail
from svc.cli.output import echo, echo_json
from svc.cli.sections import Command
from svc.database.headers import wrapped_columns
from svc.database.queries import Database, open_database
from svc.database.statements import Statement, load_statements
from svc.errors import CabinetError, NotFoundError
from svc.printable import printable
from svc.resources import resource_folder
from svc.settings import Settings

_RETURNS_WIDTH = 98
Format: TypeAlias = Literal["text", "tsv", "json"]


@click.command("list", cls=Command)
@click.argument("names", nargs=-1)
@click.option("--table", help="Only statements that read or write this table.")
@click.option(
    "--caller", help="Only statements of a route, command or loop whose name contains this, such as /documents."
)
@click.option("--sort", "order", type=click.Choice(["name", "calls", "time"]), default="name", show_default=True)
@click.option(
    "--format", "form", type=click.Choice(["text", "tsv", "json"]), help="Default: text on a terminal, else tsv."
)
@click.option("--url", help="Count by the service that answers there. Default: the address of the settings.")
@settings_options("host", "port", *DATABASE_OPTIONS)
def list_statements(  # noqa: PLR0917
    settings: Settings,
    names: tuple[str, ...],
    table: str | None,
    caller: str | None,
    order: Order,
    form: Format | None,
    url: str | None,
) -> None:
    """List the statements with their purpose, tables, indexes, callers and numbers of calls.

    NAMES selects statements, such as documents/list or 'search/*'; the default is all. Cabinet's tests recorded the
    callers. The numbers of calls come from pg_stat_statements if the database of DATABASE_URL has it, otherwise from
    the service at --url or at the address in the settings. Without either, they are omitted.
    """
    try:
        statements = load_statements(resource_folder("sql"))
        wanted = _meant(statements, names) if names else statements
        timings = _timings(settings, statements, url)
    except CabinetError as error:
        fail(error)
    entries = chosen(make_entries(wanted, recorded_callers(), timings.of), table, caller, order)
    if form is None:
        form = "text" if sys.stdout.isatty() else "tsv"
    {"text": _print_text, "tsv": _print_tsv, "json": _print_json}[form](entries, timings)


def _meant(statements: Mapping[str, Statement], patterns: Sequence[str]) -> dict[str, Statement]:
    """The statements with these names, in which * matches anything.

    Raises:
        NotFoundError: a name matches no statement.
    """
    meant: dict[str, Statement] = {}
    for pattern in patterns:
        names = fnmatch.filter(statements, pattern.removesuffix(".sql"))
        if not names:
            raise NotFoundError(f"there is no statement {pattern}; cabinet sql list shows all statements")
        meant |= {name: statements[name] for name in names}
    return meant


def _timings(settings: Settings, statements: Mapping[str, Statement], url: str | None) -> Timings:
    """The best available counts."""
    if url is None and settings.database_url is not None:
        timings = run(_timings_of_database(settings))
        if timings is not None:
            return timings
    return _timings_of_service(settings, url)


def _timings_of_service(settings: Settings, url: str | None) -> Timings:
    """The counts of the service at `url`, or else at the address in the settings, if it runs there."""
    if url is not None:
        return timings_of_service(url)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    try:
        return timings_of_service(f"http://{f'[{host}]' if ':' in host else host}:{settings.port}")
    except CabinetError as error:
        return Timings({}, f"nobody: {error.detail}")


async def _timings_of_database(settings: Settings) -> Timings | None:
    async with opened_database(settings) as database:
        return await counted_by_server(database)


async def counted_by_server(database: Database) -> Timings | None:
    """The timings that the server keeps; None where it keeps none."""
    rows = await server_times(database)
    return None if rows is None else timings_of_server(database.statements.values(), rows)


@click.command("report", cls=Command)
@click.option(
    "--output",
    default="cabinet-sql.html",
    show_default=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write; - for standard output.",
)
@click.option(
    "--analyze",
    is_flag=True,
    help="Run the statements with the examples of their plan files and roll them back, for plans with times. This "
    "includes the deletion of a user, with its locks. By default, nothing is run.",
)
@click.option("--url", help="Count by the service that answers there. Default: the address of the settings.")
@settings_options("host", "port", *DATABASE_OPTIONS, *POOL_OPTIONS)
def report(settings: Settings, output: str, analyze: bool, url: str | None) -> None:
    """Write one HTML page with all statements, their plans, timings and callers, and the tables and indexes.

    The page needs no network and no other file.
    """
    page = render(run(read_report(settings, analyze, url)))
    with click.open_file(output, "w", encoding="utf-8") as file:
        file.write(page)
    if output != "-":
        echo(f"{output}: {len(page.encode()) / 1024:,.0f} kB; open it in a browser.")


async def read_report(settings: Settings, analyze: bool, url: str | None) -> Report:
    """The contents of the page, read from the database."""
    # As the owner: the service's role may not run some statements.
    async with migrated_urls(settings) as urls:
        database = await open_database(settings, urls.owner)
        try:
            timings = await counted_by_server(database) if url is None else None
            if timings is None:
                timings = await asyncio.to_thread(_timings_of_service, settings, url)
            versions = await database.one("server/versions")
            assert versions is not None
            return Report(
                entries=make_entries(database.statements, recorded_callers(), timings.of),
                tables=await read_schema(database),
                plans=await read_plans(settings, urls.owner, database, is_run=analyze),
                database=urlsplit(urls.owner).path.removeprefix("/"),
                server=versions.server_version,
                counted_by=timings.source,
                made_at=datetime.now(UTC),
            )
        finally:
            await database.close()


def _print_text(entries: Sequence[Entry], timings: Timings) -> None:
    """For people: one paragraph for each statement, in which no name is cut, however narrow the terminal."""
    for entry in entries:
        times = "" if entry.timing is None else f"   {entry.timing.calls:,} calls, {entry.timing.mean_ms:.3f} ms each"
        echo(f"{entry.name} :{entry.statement.shape}{times}", bold=True)
        for label, words in (
            ("returns", wrapped_columns(entry.statement.columns, _RETURNS_WIDTH)),
            ("tables", [str(entry.tables)]), ("indexes", [entry.statement.index]),
            ("run by", entry.run_by),
        ):  # fmt: skip
            for number, word in enumerate(filter(None, words)):
                echo(f"    {'' if number else label:8}{word}")
    count = f"{len(entries)} statement{'' if len(entries) == 1 else 's'}"
    echo(f"{count}; a star marks a table that is written. Calls counted by {timings.source}.")


def _numbers(entry: Entry) -> tuple[str, str]:
    if entry.timing is None:
        return "", ""
    return f"{entry.timing.calls}", f"{entry.timing.mean_ms:.3f}"


def _print_tsv(entries: Sequence[Entry], _timings: Timings) -> None:
    """For grep, cut and sort: one line for each statement, with the same number of fields."""
    for entry in entries:
        row = [entry.name, entry.statement.shape, *_numbers(entry), str(entry.tables), entry.statement.index]
        click.echo("\t".join(map(printable, [*row, ", ".join(entry.run_by), entry.purpose])))


def _print_json(entries: Sequence[Entry], timings: Timings) -> None:
    answer = {"counted_by": timings.source, "statements": [entry.as_json() for entry in entries]}
    echo_json(answer)
