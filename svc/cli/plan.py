"""`cabinet plan`: the limits of the plans, without HTTP."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.table import print_table
from svc.errors import FieldFault, InvalidFieldsError
from svc.fields.validation import faults_of
from svc.routes.plans import MOST_PLANS, UpdatePlan, set_limits
from svc.settings import PLANS, Settings

LIMITS = UpdatePlan.__struct_fields__
# What options are called; `--max-chunks` is another setting, of one document.
_COLUMNS = {"documents": "max_documents", "chunks": "max_chunks", "bytes": "max_bytes"}


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
@click.option("--documents", metavar="NUMBER|none", help="Documents at most.")
@click.option("--chunks", metavar="NUMBER|none", help="Chunks at most, of all documents.")
@click.option("--bytes", metavar="NUMBER|none", help="Bytes at most, of all documents as they were uploaded.")
@click.option("--tokens-per-month", metavar="NUMBER|none", help="Tokens embedded in a month at most.")
@click.option("--requests-per-minute", metavar="NUMBER|none", help="Requests in a minute at most.")
@settings_options(*DATABASE_OPTIONS)
def set_(settings: Settings, name: str, **limits: str | None) -> None:
    """Change limits of a plan; `none` takes one away.

    Running servers count requests and searches by the old limits for a few seconds more (CABINET_KEY_CACHE_S).
    """
    _show([run(_set(settings, name, limits))])


async def _set(settings: Settings, name: str, limits: dict[str, str | None]) -> Any:
    given = {
        _COLUMNS.get(limit, limit): None if value == "none" else value
        for limit, value in limits.items()
        if value is not None
    }
    try:
        wanted = msgspec.convert(given, UpdatePlan, strict=False)
    except msgspec.ValidationError:
        raise InvalidFieldsError(
            [_option_fault(fault) for fault in faults_of(given, UpdatePlan, is_text=True)]
        ) from None
    async with opened_database(settings) as database:
        return await set_limits(database, name, wanted)


def _option_fault(fault: FieldFault) -> FieldFault:
    """The fault of a limit, by the name of the option that gave it."""
    columns = {column: option for option, column in _COLUMNS.items()}
    option = "--" + columns.get(fault.field, fault.field).replace("_", "-")
    return FieldFault(option, f"{option}{fault.detail.removeprefix(fault.field)}, or none")


def _show(rows: list[Any]) -> None:
    shown = [[row["name"], *("none" if row[limit] is None else f"{row[limit]:,}" for limit in LIMITS)] for row in rows]
    print_table(["plan", *(limit.removeprefix("max_").replace("_", " ") for limit in LIMITS)], shown)
