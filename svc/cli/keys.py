"""`cabinet key`: API keys, without HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click

from svc.access.keys import generate_key
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.database.failures import ConstraintError
from svc.errors import NotFoundError
from svc.settings import Settings


@click.group()
def key() -> None:
    """Manage API keys."""


@key.command()
@click.argument("user_id", type=click.UUID)
@click.option("--name", help="What the key is for.")
@click.option("--expires-at", type=click.DateTime(), help="When it stops to be good, in UTC.")
@settings_options(*DATABASE_OPTIONS)
def create(settings: Settings, user_id: UUID, name: str | None, expires_at: datetime | None) -> None:
    """Create one more API key for a user and print it; it is shown only now."""
    key_id, secret = run(_create(settings, user_id, name, expires_at and expires_at.replace(tzinfo=UTC)))
    click.echo(f"id   {key_id}\nkey  {secret}")


@key.command()
@click.argument("user_id", type=click.UUID)
@click.argument("key_id", type=click.UUID)
@settings_options(*DATABASE_OPTIONS)
def revoke(settings: Settings, user_id: UUID, key_id: UUID) -> None:
    """Revoke a user's API key for good. Running servers may accept it for a few seconds more (CABINET_KEY_CACHE_S)."""
    run(_revoke(settings, user_id, key_id))
    click.echo(f"revoked {key_id}")


async def _create(settings: Settings, user_id: UUID, name: str | None, expires_at: datetime | None) -> tuple[str, str]:
    new = generate_key()
    async with opened_database(settings) as database:
        try:
            row = await database.one(
                "keys/create",
                user_id=user_id,
                name=name,
                prefix=new.prefix,
                key_hash=new.key_hash,
                expires_at=expires_at,
            )
        except ConstraintError:
            raise NotFoundError(f"there is no user {user_id}") from None
    assert row is not None
    return str(row.id), new.key


async def _revoke(settings: Settings, user_id: UUID, key_id: UUID) -> None:
    async with opened_database(settings) as database:
        if not await database.exec("keys/revoke", user_id=user_id, key_id=key_id):
            raise NotFoundError(f"user {user_id} has no key {key_id}")
