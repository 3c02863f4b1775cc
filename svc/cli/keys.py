"""`cabinet key`: API keys, without HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click

from svc.accounts.keys import ALL_SCOPES, Scope, create_key, revoke_key
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.output import echo
from svc.errors import NotFoundError
from svc.settings import Settings


@click.group()
def key() -> None:
    """Manage API keys."""


@key.command()
@click.argument("user_id", type=click.UUID)
@click.option("--name", help="What the key is for.")
@click.option(
    "--scope",
    type=click.Choice(ALL_SCOPES),
    default="write",
    show_default=True,
    help="What the key may do; write includes read.",
)
@click.option("--expires-at", type=click.DateTime(), help="When the key expires, in UTC.")
@settings_options(*DATABASE_OPTIONS)
def create(settings: Settings, user_id: UUID, name: str | None, scope: Scope, expires_at: datetime | None) -> None:
    """Create another API key for a user and print it; it is not shown again."""
    key_id, secret = run(_create(settings, user_id, name, scope, expires_at and expires_at.replace(tzinfo=UTC)))
    echo(f"id   {key_id}")
    echo(f"key  {secret}")


@key.command()
@click.argument("user_id", type=click.UUID)
@click.argument("key_id", type=click.UUID)
@settings_options(*DATABASE_OPTIONS)
def revoke(settings: Settings, user_id: UUID, key_id: UUID) -> None:
    """Revoke a user's API key for good. Running servers may accept it for a few seconds more (CABINET_KEY_CACHE_S)."""
    run(_revoke(settings, user_id, key_id))
    echo(f"revoked {key_id}")


async def _create(
    settings: Settings, user_id: UUID, name: str | None, scope: Scope, expires_at: datetime | None
) -> tuple[str, str]:
    async with opened_database(settings) as database:
        if await database.one("users/get", user_id=user_id) is None:
            raise NotFoundError(f"there is no user {user_id}")
        row, secret = await create_key(database, user_id, name=name, expires_at=expires_at, scopes=[scope])
    return str(row.id), secret


async def _revoke(settings: Settings, user_id: UUID, key_id: UUID) -> None:
    async with opened_database(settings) as database:
        await revoke_key(database, user_id, key_id)
