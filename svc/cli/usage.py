"""`cabinet usage`: the users' totals and daily usage, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import click

from svc.accounts.usage import MOST_DAYS, Counts, Span
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.named import named_user, user_argument
from svc.cli.output import echo, echo_json_rows, json_option
from svc.cli.sections import Group
from svc.cli.table import print_table
from svc.database.rows import UsageByPeriod, UsageList
from svc.database.types import as_dict
from svc.settings import Settings

_COUNTS = Counts.__struct_fields__
_day = click.DateTime(["%Y-%m-%d"])
_first = click.option("--from", "first", type=_day, help="The first day, in UTC; default: the first of the month.")
_last = click.option("--to", "last", type=_day, help="The last day; default: today.")


@click.group(cls=Group)
def usage() -> None:
    """Show the users' totals and daily usage."""


@usage.command()
@user_argument
@_first
@_last
@click.option("--by", type=click.Choice(["day", "month"]), default="day", show_default=True)
@json_option("period")
@settings_options(*DATABASE_OPTIONS)
def show(
    settings: Settings, user: str, *, first: datetime | None, last: datetime | None, by: str, as_json: bool
) -> None:
    """Show the usage of one user, by day or by month."""

    async def work() -> Sequence[UsageByPeriod]:
        days = _days(first, last, MOST_DAYS[by])
        async with opened_database(settings) as database:
            user_id = await named_user(database, user)
            return await database.many(
                "usage/by_period", user_id=user_id, unit=by, first=days[0], last=days[1], max_rows=MOST_DAYS["day"]
            )

    rows = run(work())
    if as_json:
        echo_json_rows(rows)
        return
    print_table([by, *_COUNTS], [[str(row.period), *_numbers(row)] for row in rows])


@usage.command()
@_first
@_last
@click.option("--sort", type=click.Choice(_COUNTS), default="tokens", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Users at most.")
@json_option("user")
@settings_options(*DATABASE_OPTIONS)
def users(
    settings: Settings, *, first: datetime | None, last: datetime | None, sort: str, limit: int, as_json: bool
) -> None:
    """Show all users by usage, the highest first."""

    async def work() -> Sequence[UsageList]:
        days = _days(first, last, MOST_DAYS["day"])
        async with opened_database(settings) as database:
            return await database.many(
                "usage/list", first=days[0], last=days[1], sort=sort, after=None, after_user=None, max_rows=limit
            )

    rows = run(work())
    if as_json:
        echo_json_rows(rows)
        return
    shown = [[str(row.user_id), row.email, row.plan, *_numbers(row)] for row in rows]
    print_table(["user", "email", "plan", *_COUNTS], shown)


@usage.command()
@user_argument
@settings_options(*DATABASE_OPTIONS)
def recount(settings: Settings, user: str) -> None:
    """Recompute the totals of a user: documents, bytes, chunks, conversations, messages and keys.

    Needed only after rows were inserted or deleted without the service, or by servers of an earlier release.
    """
    row = run(_recount(settings, user))
    for name in ("documents", "bytes", "chunks", "conversations", "messages", "api_keys"):
        echo(f"{name.replace('_', ' ')}: {row[name]}, before: {row[f'{name}_before']}")


async def _recount(settings: Settings, user: str) -> Any:
    async with opened_database(settings) as database:
        user_id = await named_user(database, user)
        async with database.transaction() as transaction:
            await transaction.exec("usage/lock_counts", user_id=user_id)
            return await transaction.one("usage/recount", user_id=user_id)


def _days(first: datetime | None, last: datetime | None, most: int) -> tuple[date, date]:
    return Span(first and first.date(), last and last.date()).days(most)


def _numbers(row: UsageByPeriod | UsageList) -> list[str]:
    columns = as_dict(row)
    return [f"{columns[name]:,}" for name in _COUNTS]
