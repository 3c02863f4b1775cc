"""`cabinet plan`: the limits of the plans, without HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec
from msgspec import Struct

from svc.accounts.plans import MAX_PLANS, CreatePlan, UpdatePlan, create_plan, set_limits
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.output import echo_json_rows, json_option
from svc.cli.sections import Group
from svc.cli.table import print_table
from svc.database.rows import PlansGet
from svc.database.types import as_dict
from svc.errors import InvalidFieldsError
from svc.field_faults import FieldFault
from svc.fields.validation import faults_of
from svc.settings import Settings

LIMITS = UpdatePlan.__struct_fields__
# The names of options; `--max-chunks` is another setting, of one document.
_COLUMNS = {name: f"max_{name}" for name in ("documents", "chunks", "bytes", "conversations", "messages", "keys")}
_OPTIONS = {
    "--documents": "Documents at most.",
    "--chunks": "Maximum chunks, of all documents.",
    "--bytes": "Maximum bytes, of all documents as they were uploaded.",
    "--conversations": "Conversations at most.",
    "--messages": "Maximum messages, of all conversations.",
    "--keys": "Maximum API keys, without revoked ones.",
    "--tokens-per-month": "Maximum tokens embedded in a month.",
    "--requests-per-minute": "Maximum requests in a minute.",
}

T = TypeVar("T", bound=Struct)


@click.group(cls=Group)
def plan() -> None:
    """Show, add and change plans."""


@plan.command("list")
@json_option("plan")
@settings_options(*DATABASE_OPTIONS)
def list_(settings: Settings, as_json: bool) -> None:
    """Show the plans with their limits."""

    async def work() -> list[Any]:
        async with opened_database(settings) as database:
            return list(await database.many("plans/list", max_rows=MAX_PLANS))

    rows = run(work())
    if as_json:
        echo_json_rows(rows)
        return
    _show(rows)


def _limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a plan's limits."""
    for option, help_text in reversed(_OPTIONS.items()):
        command = click.option(option, metavar="NUMBER|none", help=help_text)(command)
    return command


@plan.command()
@click.argument("name")
@_limit_options
@settings_options(*DATABASE_OPTIONS)
def add(settings: Settings, name: str, **limits: str | None) -> None:
    """Add a plan. Omitted limits are unlimited."""
    _show([run(_add(settings, name, limits))])


@plan.command("set")
@click.argument("name")
@_limit_options
@settings_options(*DATABASE_OPTIONS)
def set_(settings: Settings, name: str, **limits: str | None) -> None:
    """Change the limits of a plan; `none` removes a limit.

    Running servers may apply the old limits for a few more seconds (CABINET_KEY_CACHE_S).
    """
    _show([run(_set(settings, name, limits))])


async def _add(settings: Settings, name: str, limits: dict[str, str | None]) -> PlansGet:
    wanted = _converted({"name": name, **_given(limits)}, CreatePlan)
    async with opened_database(settings) as database:
        return await create_plan(database, wanted)


async def _set(settings: Settings, name: str, limits: dict[str, str | None]) -> PlansGet:
    wanted = _converted(_given(limits), UpdatePlan)
    async with opened_database(settings) as database:
        return await set_limits(database, name, wanted)


def _given(limits: dict[str, str | None]) -> dict[str, str | None]:
    """The limits of the options that were given, by their columns."""
    return {
        _COLUMNS.get(limit, limit): None if value == "none" else value
        for limit, value in limits.items()
        if value is not None
    }


def _converted(given: dict[str, str | None], type_: type[T]) -> T:
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError:
        faults = faults_of(given, type_, is_text=True)
        raise InvalidFieldsError([_option_fault(fault) for fault in faults]) from None


def _option_fault(fault: FieldFault) -> FieldFault:
    """The fault of a limit, with the name of its option."""
    if fault.field == "name":
        return fault
    columns = {column: option for option, column in _COLUMNS.items()}
    option = "--" + columns.get(fault.field, fault.field).replace("_", "-")
    return FieldFault(option, f"{option}{fault.detail.removeprefix(fault.field)}, or none")


def _show(rows: Sequence[PlansGet]) -> None:
    limits = [[as_dict(row)[limit] for limit in LIMITS] for row in rows]
    shown = [
        [row.name, *("none" if limit is None else f"{limit:,}" for limit in of_row)]
        for row, of_row in zip(rows, limits, strict=True)
    ]
    print_table(["plan", *(limit.removeprefix("max_").replace("_", " ") for limit in LIMITS)], shown)
