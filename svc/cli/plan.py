"""`cabinet plan`: the limits of the plans, without HTTP."""

from __future__ import annotations

from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.errors import CabinetError
from svc.http import invalid_request
from svc.routes.plans import MOST_PLANS, UpdatePlan, set_limits
from svc.settings import PLANS, Settings

LIMITS = UpdatePlan.__struct_fields__


@click.group()
def plan() -> None:
    """Show and change what the plans allow."""


@plan.command("list")
@settings_options(*DATABASE_OPTIONS)
def list_(settings: Settings) -> None:
    """Show the plans with their limits."""

    async def work() -> list[Any]:
        async with opened_database(settings) as database:
            return list(await database.many("plans/list", max_rows=MOST_PLANS))

    _show(run(work()))


@plan.command("set")
@click.argument("name", type=click.Choice(PLANS))
@click.option("--max-documents", metavar="NUMBER|none", help="Documents at most.")
@click.option("--max-chunks", metavar="NUMBER|none", help="Chunks at most, of all documents.")
@click.option("--max-bytes", metavar="NUMBER|none", help="Bytes at most, of all documents as they were uploaded.")
@click.option("--tokens-per-month", metavar="NUMBER|none", help="Tokens embedded in a month at most.")
@click.option("--requests-per-minute", metavar="NUMBER|none", help="Requests in a minute at most.")
@settings_options(*DATABASE_OPTIONS)
def set_(settings: Settings, name: str, **limits: str | None) -> None:
    """Change limits of a plan; `none` takes one away.

    Running servers count requests and searches by the old limits for a few seconds more (CABINET_KEY_CACHE_S).
    """
    _show([run(_set(settings, name, limits))])


async def _set(settings: Settings, name: str, limits: dict[str, str | None]) -> Any:
    given = {limit: None if value == "none" else value for limit, value in limits.items() if value is not None}
    try:
        wanted = msgspec.convert(given, UpdatePlan, strict=False)
    except msgspec.ValidationError as error:
        fault = invalid_request(error, "option")
        raise CabinetError(f"--{str(fault.field).replace('_', '-')}: {fault.detail}") from None
    async with opened_database(settings) as database:
        return await set_limits(database, name, wanted)


def _show(rows: list[Any]) -> None:
    table = Table("plan", *(limit.replace("_", " ") for limit in LIMITS))
    for row in rows:
        table.add_row(row["name"], *("none" if row[limit] is None else f"{row[limit]:,}" for limit in LIMITS))
    Console().print(table)
