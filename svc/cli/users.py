"""`cabinet user`: users, of a database or, to read them, of a service over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import click
import msgspec

from cabinet_client import AsyncCabinet, models
from svc.accounts.quotas import Quotas, read_quotas
from svc.accounts.users import CreateUser, create_user, explained, update_user
from svc.cli.connection import run_client
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.named import named_user, optional_user_argument, user_argument
from svc.cli.named_over_http import User, own_user, shown_user
from svc.cli.output import echo, echo_json, echo_json_rows, json_option, plain_row
from svc.cli.sections import Group
from svc.cli.service_or_database import Place, place_options
from svc.cli.table import print_table
from svc.database.rows import UsersGet
from svc.errors import InvalidFieldsError, NotFoundError
from svc.fields.validation import fault_without_value, faults_of
from svc.settings import Settings

_PAGE_ROWS = 100


@click.group("user", cls=Group)
def user_group() -> None:
    """Manage users."""


@user_group.command()
@click.argument("email")
@click.option("--name", help="Name to show.")
@click.option("--external-id", help="The user's id in the application.")
@click.option("--plan", help="Plan; default: CABINET_DEFAULT_PLAN.")
@json_option()
@settings_options(*DATABASE_OPTIONS)
def create(
    settings: Settings, email: str, *, name: str | None, external_id: str | None, plan: str | None, as_json: bool
) -> None:
    """Create a user and print their id and first API key, which is not shown again."""
    user_id, key = run(_create(settings, email, name, external_id, plan))
    if as_json:
        echo_json({"user": user_id, "key": key})
        return
    echo(f"user {user_id}")
    echo(f"key  {key}")


@user_group.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Users at most.")
@json_option("user")
@place_options
def list_users(place: Place, limit: int, as_json: bool) -> None:
    """List the users, newest first; with the key of a user, that user."""
    rows: Sequence[User | UsersGet]
    rows = run_client(place, _listed(limit)) if isinstance(place, AsyncCabinet) else run(_list(place, limit))
    if as_json:
        echo_json_rows(rows)
        return
    columns = ["user", "external id", "email", "name", "plan", "created"]
    print_table(
        columns,
        [
            [
                str(row.id),
                row.external_id or "",
                row.email or "",
                row.name or "",
                row.plan,
                f"{row.created_at:%Y-%m-%d}",
            ]
            for row in rows
        ],
    )


@user_group.command()
@optional_user_argument
@json_option()
@place_options
def show(place: Place, user: str | None, as_json: bool) -> None:
    """Show a user, their plan, and how much of it is used. With a user's key, USER can be omitted."""
    row: User | UsersGet
    quotas: Quotas | models.Quotas
    if isinstance(place, AsyncCabinet):
        row, quotas = run_client(place, _shown(user))
    else:
        assert user is not None
        row, quotas = run(_show(place, user))
    if as_json:
        echo_json({"user": plain_row(row), "quotas": quotas.quotas})
        return
    for label, value in (("user", row.id), ("email", row.email or ""), ("name", row.name or ""), ("plan", row.plan)):
        echo(f"{label:5} {value}")
    if row.external_id is not None:
        echo(f"external id {row.external_id}")
    print_table(
        ["limit", "used", "allowed"],
        [
            [quota.quota, f"{quota.used:,}", "any number" if quota.allowed is None else f"{quota.allowed:,}"]
            for quota in quotas.quotas
        ],
    )


@user_group.command("set-plan")
@user_argument
@click.argument("plan")
@settings_options(*DATABASE_OPTIONS)
def set_plan(settings: Settings, user: str, plan: str) -> None:
    """Change the plan of a user. Running servers apply it within a few seconds (CABINET_KEY_CACHE_S)."""
    run(_set_plan(settings, user, plan))
    echo(f"plan {plan}")


def _listed(limit: int) -> Callable[[AsyncCabinet], Coroutine[Any, Any, Sequence[User]]]:
    async def work(client: AsyncCabinet) -> Sequence[User]:
        own = await own_user(client)
        if own is not None:
            echo("The key belongs to a user, and can show only that user. The admin key can list all users.", err=True)
            return [own]
        found: list[User] = []
        async for each in client.users.list():
            found.append(each)
            if len(found) == limit:
                break
        return found

    return work


def _shown(user: str | None) -> Callable[[AsyncCabinet], Coroutine[Any, Any, tuple[User, models.Quotas]]]:
    async def work(client: AsyncCabinet) -> tuple[User, models.Quotas]:
        found, acting = await shown_user(client, user)
        return found, await acting.quotas()

    return work


async def _list(settings: Settings, limit: int) -> list[UsersGet]:
    rows: list[UsersGet] = []
    async with opened_database(settings) as database:
        while len(rows) < limit:
            size = min(_PAGE_ROWS, limit - len(rows))
            page = await database.many("users/list", after=rows[-1].id if rows else None, max_rows=size)
            rows += page
            if len(page) < size:
                break
    return rows


async def _show(settings: Settings, user: str) -> tuple[UsersGet, Quotas]:
    async with opened_database(settings) as database:
        user_id = await named_user(database, user)
        quotas = await read_quotas(database, user_id)
        row = await database.one("users/get", user_id=user_id)
        assert row is not None
        return row, quotas


async def _set_plan(settings: Settings, user: str, plan: str) -> None:
    async with opened_database(settings) as database:
        user_id = await named_user(database, user)
        async with explained(database, plan):
            row = await update_user(database, user_id, plan=plan)
        if row is None:
            raise NotFoundError(f"there is no user {user}")


async def _create(
    settings: Settings, email: str, name: str | None, external_id: str | None, plan: str | None
) -> tuple[str, str]:
    given = {"email": email, "name": name, "external_id": external_id}
    try:
        wanted = msgspec.convert(given, CreateUser)
    except msgspec.ValidationError as error:
        faults = faults_of(given, CreateUser) or [fault_without_value(error, CreateUser)]
        raise InvalidFieldsError(faults) from None
    async with opened_database(settings) as database:
        row, key = await create_user(
            database,
            email=wanted.email,
            name=wanted.name,
            plan=settings.default_plan if plan is None else plan,
            preferences={},
            external_id=wanted.external_id,
        )
    return str(row.id), key
