"""`cabinet key`: API keys, of a database or, to list them, of a service over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from cabinet_client import AsyncCabinet, models
from svc.accounts.keys import ALL_SCOPES, Scope, create_key, revoke_key
from svc.cli.connection import run_client
from svc.cli.environment import DATABASE_OPTIONS, opened_database, run, settings_options
from svc.cli.named import named_user, optional_user_argument, user_argument
from svc.cli.named_over_http import shown_user
from svc.cli.output import echo, echo_json, echo_json_rows, json_option
from svc.cli.sections import Group
from svc.cli.service_or_database import Place, place_options
from svc.cli.table import print_table
from svc.database.rows import KeysList
from svc.settings import Settings

_PAGE_ROWS = 100


@click.group(cls=Group)
def key() -> None:
    """Manage API keys."""


@key.command()
@user_argument
@click.option("--name", help="The purpose of the key.")
@click.option(
    "--scope",
    type=click.Choice(ALL_SCOPES),
    default="write",
    show_default=True,
    help="The permissions of the key; write includes read.",
)
@click.option(
    "--collection",
    "collection_id",
    type=click.UUID,
    metavar="ID",
    help="The only collection that the key can access; default: all data of the user.",
)
@click.option("--expires-at", type=click.DateTime(), help="When the key expires, in UTC.")
@json_option()
@settings_options(*DATABASE_OPTIONS)
def create(
    settings: Settings,
    user: str,
    *,
    name: str | None,
    scope: Scope,
    collection_id: UUID | None,
    expires_at: datetime | None,
    as_json: bool,
) -> None:
    """Create another API key for a user and print it; it is not shown again."""
    expires_at = expires_at and expires_at.replace(tzinfo=UTC)
    made = _create(settings, user, name=name, scope=scope, expires_at=expires_at, collection_id=collection_id)
    key_id, secret = run(made)
    if as_json:
        echo_json({"id": key_id, "key": secret})
        return
    echo(f"id   {key_id}")
    echo(f"key  {secret}")


@key.command("list")
@optional_user_argument
@json_option("key")
@place_options
def list_keys(place: Place, user: str | None, as_json: bool) -> None:
    """List the API keys of a user, newest first, without the keys themselves. Revoked ones are included.

    With a user's key, USER can be omitted.
    """
    rows: Sequence[models.Key | KeysList]
    if isinstance(place, AsyncCabinet):
        rows = run_client(place, _listed(user))
    else:
        assert user is not None
        rows = run(_list(place, user))
    if as_json:
        echo_json_rows(rows)
        return
    print_table(
        ["key", "name", "begins", "scopes", "collection", "created", "expires", "revoked", "last used"],
        [
            [
                str(row.id),
                row.name or "",
                row.prefix,
                ", ".join(row.scopes),
                "" if row.collection_id is None else str(row.collection_id),
                *(_moment(at) for at in (row.created_at, row.expires_at, row.revoked_at, row.last_used_at)),
            ]
            for row in rows
        ],
    )


@key.command()
@user_argument
@click.argument("key_id", type=click.UUID)
@settings_options(*DATABASE_OPTIONS)
def revoke(settings: Settings, user: str, key_id: UUID) -> None:
    """Revoke a user's API key permanently. Running servers may accept it for a few more seconds
    (CABINET_KEY_CACHE_S)."""
    run(_revoke(settings, user, key_id))
    echo(f"revoked {key_id}")


async def _create(
    settings: Settings,
    user: str,
    *,
    name: str | None,
    scope: Scope,
    expires_at: datetime | None,
    collection_id: UUID | None,
) -> tuple[str, str]:
    async with opened_database(settings) as database:
        user_id = await named_user(database, user)
        row, secret = await create_key(
            database, user_id, name=name, expires_at=expires_at, scopes=[scope], collection_id=collection_id
        )
    return str(row.id), secret


def _listed(user: str | None) -> Callable[[AsyncCabinet], Coroutine[Any, Any, Sequence[models.Key]]]:
    async def work(client: AsyncCabinet) -> Sequence[models.Key]:
        _, acting = await shown_user(client, user)
        return [key async for key in acting.keys.list()]

    return work


async def _list(settings: Settings, user: str) -> list[KeysList]:
    rows: list[KeysList] = []
    async with opened_database(settings) as database:
        user_id = await named_user(database, user)
        while True:
            after = rows[-1].id if rows else None
            page = await database.many("keys/list", user_id=user_id, after=after, max_rows=_PAGE_ROWS)
            rows += page
            if len(page) < _PAGE_ROWS:
                return rows


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


async def _revoke(settings: Settings, user: str, key_id: UUID) -> None:
    async with opened_database(settings) as database:
        await revoke_key(database, await named_user(database, user), key_id)
