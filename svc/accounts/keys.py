"""Creating and revoking API keys, for the routes and the commands: `sql/keys/`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from svc.access.keys import generate_key
from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.database.rows import KeysList
from svc.errors import InvalidRequestError, NotFoundError

Scope = Literal["read", "write"]
ALL_SCOPES: tuple[Scope, ...] = ("read", "write")

MAX_REVOKED = 100
"""The maximum number of a user's revoked keys in the list."""


async def create_key(
    queries: Queries,
    user_id: UUID,
    *,
    name: str | None,
    expires_at: datetime | None,
    scopes: Collection[Scope] = ALL_SCOPES,
    collection_id: UUID | None = None,
) -> tuple[KeysList, str]:
    """Create an API key for a user. Returns its row and the key, which is not stored. The scope write includes read.

    With a `collection_id`, the key is limited to that collection of the user.

    Raises:
        InvalidRequestError: the user has no such collection.
        QuotaExceededError: the user's plan allows no more keys.
        UnauthenticatedError: there is no such user.
        UnavailableError: another key was revoked meanwhile; the next attempt succeeds.
    """
    new = generate_key()
    try:
        row = await queries.one(
            "keys/create",
            user_id=user_id,
            name=name,
            prefix=new.prefix,
            key_hash=new.key_hash,
            expires_at=expires_at,
            scopes=[scope for scope in ALL_SCOPES if scope in scopes or (scope == "read" and "write" in scopes)],
            collection_id=collection_id,
        )
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        row = None
    if row is None:
        if collection_id is not None and not await _has_collection(queries, user_id, collection_id):
            raise InvalidRequestError("collection_id is not the id of one of your collections", field="collection_id")
        raise await refused(queries, user_id, {"keys": 1})
    return row, new.key


async def _has_collection(queries: Queries, user_id: UUID, collection_id: UUID) -> bool:
    return await queries.one("collections/get", user_id=user_id, collection_id=collection_id, max_count=1) is not None


async def revoke_key(queries: Queries, user_id: UUID, key_id: UUID) -> None:
    """Revoke an API key of a user permanently. The newest `MAX_REVOKED` revoked keys remain in the list.

    Raises:
        NotFoundError: the user has no such key.
    """
    if not await queries.exec("keys/revoke", user_id=user_id, key_id=key_id, max_revoked=MAX_REVOKED):
        raise NotFoundError("there is no such key")
