"""A user's API keys: `sql/keys/`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.accounts import keys as accounts
from svc.accounts.keys import ALL_SCOPES, Scope
from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import Moment, Name, check_future, check_text
from svc.routes.pages import Page, PageQuery, one_more, page
from svc.web.conditions import unchanged
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("keys")


class Key(Struct, frozen=True):
    """An API key, without its secret. `prefix` has its first characters.

    `collection_id` is the only collection that the key can access; null means all your data.
    """

    id: UUID
    name: str | None
    prefix: str
    scopes: list[Scope]
    collection_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class CreateKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A new API key."""

    name: Name | None = None
    expires_at: Moment | None = None
    scopes: Annotated[
        set[Scope],
        Meta(min_length=1, description="The permissions of the key: read, or write, which includes read."),
    ] = msgspec.field(default_factory=lambda: set(ALL_SCOPES))
    collection_id: (
        Annotated[UUID, Meta(description="One of your collections, which limits the key to the files in it.")] | None
    ) = None


class KeyCreated(Struct, frozen=True):
    """A new API key. `api_key` is not shown again."""

    key: Key
    api_key: str


@routes.post(
    "/keys",
    status=201,
    body_bytes=16 * 2**10,
    repeated="A key is shown only once: after a lost answer, revoke the newest key",
    example={"name": "laptop", "expires_at": "2099-12-31T00:00:00Z"},
)
async def create_key(call: Call, body: CreateKey) -> KeyCreated:
    """Create another API key for yourself.

    The key is shown once, since only its SHA-256 is stored. A key with `collection_id` is deleted with its collection.
    """
    faults = Faults()
    faults.check(check_text, body.name, "name")
    faults.check(check_future, body.expires_at, "expires_at")
    faults.raise_if_any()
    row, key = await accounts.create_key(
        call.services.database,
        call.principal.tenant,
        name=body.name,
        expires_at=body.expires_at,
        scopes=body.scopes,
        collection_id=body.collection_id,
    )
    return KeyCreated(_key(row), key)


@routes.get("/keys")
async def list_keys(call: Call, query: PageQuery) -> Page[Key]:
    """List your API keys, newest first, including revoked keys."""
    rows = await call.services.database.many(
        "keys/list", user_id=call.principal.tenant, after=query.after, max_rows=one_more(query.limit)
    )
    return page(rows, query.limit, _key, lambda row: row.id)


@routes.get("/keys/{key_id}", errors=(404,), tagged=True)
async def get_key(call: Call) -> Key:
    """Get one of your API keys, without its secret."""
    return _found(
        await call.services.database.one(
            "keys/get", user_id=call.principal.tenant, key_id=call.path_id("key_id", "key")
        )
    )


async def _held(queries: Queries, user_id: UUID, key_id: UUID) -> Key:
    """Lock a key and return it."""
    return _found(await queries.one("keys/get_to_change", user_id=user_id, key_id=key_id))


def _found(row: r.KeysList | None) -> Key:
    if row is None:
        raise NotFoundError("there is no such key")
    return _key(row)


def _key(row: r.KeysList) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=[scope for scope in ALL_SCOPES if scope in row.scopes],
        collection_id=row.collection_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


@routes.delete("/keys/{key_id}", errors=(404,), tagged=True)
async def revoke_key(call: Call) -> None:
    """Revoke an API key permanently.

    Other servers may accept it for a few more seconds, until their caches expire.
    """
    key_id = call.path_id("key_id", "key")
    user_id = call.principal.tenant
    async with unchanged(call, lambda queries: _held(queries, user_id, key_id)) as queries:
        await accounts.revoke_key(queries, user_id, key_id)
    call.services.authenticator.forget(user_id, key_id)
