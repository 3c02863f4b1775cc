"""`cabinet user`: users, without HTTP."""

from __future__ import annotations

import click
import msgspec

from svc.auth import generate_key
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.database.failures import ConstraintError
from svc.errors import CabinetError, ConflictError
from svc.http import invalid_request
from svc.routes.users import CreateUser
from svc.settings import Settings


@click.group()
def user() -> None:
    """Manage users."""


@user.command()
@click.argument("email")
@click.option("--name", help="Name to show.")
@click.option("--plan", type=click.Choice(["free", "pro", "enterprise"]), default="free", show_default=True)
@settings_options(*DATABASE_OPTIONS)
def create(settings: Settings, email: str, name: str | None, plan: str) -> None:
    """Create a user and print their id and first API key, which is shown only now."""
    user_id, key = run(_create(settings, email, name, plan))
    click.echo(f"user {user_id}\nkey  {key}")


async def _create(settings: Settings, email: str, name: str | None, plan: str) -> tuple[str, str]:
    try:
        wanted = msgspec.convert({"email": email, "name": name, "plan": plan}, CreateUser)
    except msgspec.ValidationError as error:
        fault = invalid_request(error)
        raise CabinetError(f"{fault.field}: {fault.detail}") from None
    key = generate_key()
    async with opened_database(settings) as database:
        try:
            row = await database.one(
                "users/create",
                email=wanted.email,
                name=wanted.name,
                plan=wanted.plan,
                preferences={},
                key_prefix=key.prefix,
                key_hash=key.key_hash,
            )
        except ConstraintError:
            raise ConflictError(f"another user has the email address {email}") from None
    assert row is not None
    return str(row["id"]), key.key
