"""`cabinet user`: users, without HTTP."""

from __future__ import annotations

from uuid import UUID

import click
import msgspec

from svc.accounts.quotas import Quotas, read_quotas
from svc.accounts.users import CreateUser, create_user, update_user
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.output import echo
from svc.cli.table import print_table
from svc.database.rows import UsersGet
from svc.errors import InvalidFieldsError, NotFoundError
from svc.fields.validation import fault_without_value, faults_of
from svc.settings import Settings


@click.group()
def user() -> None:
    """Manage users."""


@user.command()
@click.argument("email")
@click.option("--name", help="Name to show.")
@click.option("--plan", help="Plan; that of CABINET_DEFAULT_PLAN when not given.")
@settings_options(*DATABASE_OPTIONS)
def create(settings: Settings, email: str, name: str | None, plan: str | None) -> None:
    """Create a user and print their id and first API key, which is not shown again."""
    user_id, key = run(_create(settings, email, name, plan))
    echo(f"user {user_id}")
    echo(f"key  {key}")


@user.command()
@click.argument("user_id", type=click.UUID)
@settings_options(*DATABASE_OPTIONS)
def show(settings: Settings, user_id: UUID) -> None:
    """Show a user, their plan, and how much of it is used."""
    row, quotas = run(_show(settings, user_id))
    for label, value in (("user", row.id), ("email", row.email), ("name", row.name or ""), ("plan", row.plan)):
        echo(f"{label:5} {value}")
    print_table(
        ["limit", "used", "allowed"],
        [
            [quota.quota, f"{quota.used:,}", "any number" if quota.allowed is None else f"{quota.allowed:,}"]
            for quota in quotas.quotas
        ],
    )


@user.command("set-plan")
@click.argument("user_id", type=click.UUID)
@click.argument("plan")
@settings_options(*DATABASE_OPTIONS)
def set_plan(settings: Settings, user_id: UUID, plan: str) -> None:
    """Give a user another plan. Running servers learn of it within a few seconds (CABINET_KEY_CACHE_S)."""
    run(_set_plan(settings, user_id, plan))
    echo(f"plan {plan}")


async def _show(settings: Settings, user_id: UUID) -> tuple[UsersGet, Quotas]:
    async with opened_database(settings) as database:
        quotas = await read_quotas(database, user_id)
        row = await database.one("users/get", user_id=user_id)
        assert row is not None
        return row, quotas


async def _set_plan(settings: Settings, user_id: UUID, plan: str) -> None:
    async with opened_database(settings) as database:
        if await update_user(database, user_id, plan=plan) is None:
            raise NotFoundError(f"there is no user {user_id}")


async def _create(settings: Settings, email: str, name: str | None, plan: str | None) -> tuple[str, str]:
    given = {"email": email, "name": name}
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
        )
    return str(row.id), key
