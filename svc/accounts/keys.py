"""Creating and revoking API keys, for the routes and the commands: `sql/keys/`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from svc.access.keys import generate_key
from svc.database.calls import Queries
from svc.database.rows import KeysList
from svc.errors import NotFoundError


async def create_key(
    queries: Queries, user_id: UUID, *, name: str | None, expires_at: datetime | None
) -> tuple[KeysList, str]:
    """Create an API key for a user. Returns its row and the key, which is not stored.

    Raises:
        ConstraintError: there is no such user.
    """
    new = generate_key()
    row = await queries.one(
        "keys/create",
        user_id=user_id,
        name=name,
        prefix=new.prefix,
        key_hash=new.key_hash,
        expires_at=expires_at,
    )
    assert row is not None
    return row, new.key


async def revoke_key(queries: Queries, user_id: UUID, key_id: UUID) -> None:
    """Revoke an API key of a user permanently.

    Raises:
        NotFoundError: the user has no such key.
    """
    if not await queries.exec("keys/revoke", user_id=user_id, key_id=key_id):
        raise NotFoundError("there is no such key")
