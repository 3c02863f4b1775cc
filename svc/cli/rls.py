"""`cabinet rls`: row level security, a second barrier between users."""

from __future__ import annotations

import click

from svc.cli.environment import DATABASE_OPTIONS, MIGRATION_OPTIONS, database_url, run, settings_options
from svc.cli.output import echo, echo_json_rows, json_option
from svc.cli.sections import Group
from svc.cli.table import print_table
from svc.migrations.policies import protected_tables, set_row_security
from svc.settings import Settings


@click.group(cls=Group)
def rls() -> None:
    """Turn row level security, a second barrier between users, on or off, or show it."""


@rls.command()
@settings_options(*DATABASE_OPTIONS, *MIGRATION_OPTIONS)
def on(settings: Settings) -> None:
    """Create the policies. Stop the service first, and start it with CABINET_RLS=on."""
    _set(settings, is_on=True)


@rls.command()
@settings_options(*DATABASE_OPTIONS, *MIGRATION_OPTIONS)
def off(settings: Settings) -> None:
    """Drop the policies. Stop the service first, and start it with CABINET_RLS=off."""
    _set(settings, is_on=False)


@rls.command()
@json_option("table")
@settings_options(*DATABASE_OPTIONS)
def status(settings: Settings, as_json: bool) -> None:
    """Show which tables are protected; exit code 1 unless this matches CABINET_RLS."""

    async def work() -> dict[str, bool]:
        async with database_url(settings) as url:
            return await protected_tables(url)

    tables = run(work())
    if as_json:
        echo_json_rows({"table": name, "is_on": is_on} for name, is_on in tables.items())
    else:
        shown = [[name, "on" if is_on else "off"] for name, is_on in tables.items()]
        print_table(["table", "row level security"], shown)
    if any(is_on != settings.rls for is_on in tables.values()):
        raise SystemExit(1)


def _set(settings: Settings, *, is_on: bool) -> None:
    async def work() -> list[str]:
        async with database_url(settings) as url:
            return await set_row_security(settings, url, is_on=is_on)

    names = run(work())
    echo(f"Row level security is {'on' if is_on else 'off'} for {len(names)} tables: {', '.join(names)}.")
