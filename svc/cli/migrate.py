"""`cabinet migrate`: the schema of the database."""

from __future__ import annotations

import click

from svc.cli.environment import (
    DATABASE_OPTIONS,
    EMBEDDING_OPTIONS,
    MIGRATION_OPTIONS,
    database_url,
    run,
    settings_options,
)
from svc.cli.output import echo, echo_json_rows, echo_lines, json_option
from svc.cli.sections import Group
from svc.cli.table import print_table
from svc.migrations.migrate import (
    MigrationState,
    apply_migrations,
    migration_script,
    migration_states,
    rollback_migrations,
)
from svc.settings import Settings


@click.group(cls=Group)
def migrate() -> None:
    """Migrate the database to this release's schema, or roll back."""


@migrate.command()
@settings_options(*DATABASE_OPTIONS, *MIGRATION_OPTIONS, *EMBEDDING_OPTIONS)
def apply(settings: Settings) -> None:
    """Apply missing migrations and create the tables of vectors. Safe to kill and to repeat."""

    async def work() -> list[str]:
        async with database_url(settings) as url:
            return await apply_migrations(settings, url)

    applied = run(work())
    for migration in applied:
        echo(f"applied {migration}")
    echo(f"{len(applied)} applied; the schema is up to date.")


@migrate.command()
@click.option(
    "--rollback",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Print the rollback of this number of migrations instead.",
)
@settings_options(*DATABASE_OPTIONS, *MIGRATION_OPTIONS, *EMBEDDING_OPTIONS)
def plan(settings: Settings, rollback: int | None) -> None:
    """Print the SQL that `apply` would send to this database now, in order, as a script for psql.

    The command changes nothing and waits for no locks. The script does everything that `apply` does, including its
    records of applied migrations.
    """

    async def work() -> str:
        async with database_url(settings) as url:
            return await migration_script(settings, url, rollback or 0)

    echo_lines(run(work()))


@migrate.command()
@click.option(
    "--count", type=click.IntRange(min=1), default=1, show_default=True, help="The number of migrations, newest first."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@settings_options(*DATABASE_OPTIONS, *MIGRATION_OPTIONS)
def rollback(settings: Settings, count: int, yes: bool) -> None:
    """Roll back the newest migrations and delete the data in their tables."""

    async def names() -> list[str]:
        async with database_url(settings) as url:
            applied = [state.id for state in await migration_states(url) if state.applied_at is not None]
            return applied[::-1][:count]

    async def work() -> list[str]:
        async with database_url(settings) as url:
            return await rollback_migrations(settings, url, count)

    if not yes:
        click.confirm(f"Roll back {', '.join(run(names())) or 'nothing'}, and delete their data?", abort=True)
    for migration in run(work()):
        echo(f"rolled back {migration}")


@migrate.command()
@json_option("migration")
@settings_options(*DATABASE_OPTIONS)
def status(settings: Settings, as_json: bool) -> None:
    """Show every migration and when it was applied; exit code 1 unless all are applied as in their files."""

    async def work() -> list[MigrationState]:
        async with database_url(settings) as url:
            return await migration_states(url)

    states = run(work())
    if as_json:
        echo_json_rows({"id": each.id, "state": each.state, "applied_at": each.applied_at} for each in states)
    else:
        _show(states)
    if any(state.state != "applied" for state in states):
        raise SystemExit(1)


def _show(states: list[MigrationState]) -> None:
    print_table(
        ["migration", "state", "applied"],
        [
            [state.id, state.state, f"{state.applied_at:%Y-%m-%d %H:%M:%S} UTC" if state.applied_at else ""]
            for state in states
        ],
    )
