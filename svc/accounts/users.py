"""Creating and changing users, for the routes and the commands: `sql/users/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from svc.access.keys import generate_key
from svc.access.references import EXTERNAL_ID_PATTERN, MAX_EXTERNAL_ID
from svc.accounts.plans import KnownPlan, unknown_plan
from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.database.rows import UsersGet
from svc.errors import ConflictError
from svc.fields.emails import composed_email
from svc.fields.values import EMAIL_PATTERN, MAX_EMAIL, Metadata, Name

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=MAX_EMAIL,
        pattern=EMAIL_PATTERN,
        description="Unique without regard to case. Stored in Unicode's composed form (NFC).",
        extra={"form": "an email address of at most 320 characters, such as ada@example.com"},
    ),
]


ExternalId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_EXTERNAL_ID,
        pattern=EXTERNAL_ID_PATTERN,
        description="The id of the user in your application, or the `sub` of its tokens. Unique.",
        extra={"form": "1 to 255 characters without control characters, and without spaces at its ends"},
    ),
]


class CreateUser(Struct, frozen=True, forbid_unknown_fields=True):
    """A new user. `plan` defaults to the plan in CABINET_DEFAULT_PLAN."""

    email: Email
    name: Name | None = None
    plan: KnownPlan | UnsetType = UNSET
    preferences: Metadata = msgspec.field(default_factory=dict)
    external_id: ExternalId | None = None


class UpdateUser(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values.

    Only the admin can change the plan and the external id.
    """

    email: Email | UnsetType = UNSET
    name: Name | UnsetType | None = UNSET
    plan: KnownPlan | UnsetType = UNSET
    preferences: Metadata | UnsetType = UNSET
    external_id: ExternalId | UnsetType | None = UNSET


async def create_user(
    queries: Queries,
    *,
    email: str,
    name: str | None,
    plan: str,
    preferences: dict[str, Any],
    external_id: str | None = None,
) -> tuple[UsersGet, str]:
    """Create a user and their first API key. Returns the user's row and the key.

    Raises:
        ConflictError: another user has the address or the external id.
        InvalidRequestError: the plan does not exist, or the address is too long.
    """
    key = generate_key()
    async with explained(queries, plan):
        row = await queries.one(
            "users/create",
            email=composed_email(email),
            name=name,
            plan=plan,
            preferences=preferences,
            external_id=external_id,
            key_prefix=key.prefix,
            key_hash=key.key_hash,
        )
    assert row is not None
    return row, key.key


async def update_user(
    queries: Queries,
    user_id: UUID,
    *,
    email: str | None = None,
    set_name: bool = False,
    name: str | None = None,
    plan: str | None = None,
    preferences: dict[str, Any] | None = None,
    set_external_id: bool = False,
    external_id: str | None = None,
) -> UsersGet | None:
    """Change the given fields of a user. Returns the user's row, or None if there is no such user.

    Raises:
        ConstraintError: another user has the address or the external id, or the plan does not exist; see `explained`.
        InvalidRequestError: the address is too long.
    """
    return await queries.one(
        "users/update",
        user_id=user_id,
        email=None if email is None else composed_email(email),
        set_name=set_name,
        name=name,
        plan=plan,
        preferences=preferences,
        set_external_id=set_external_id,
        external_id=external_id,
    )


@asynccontextmanager
async def explained(database: Queries, plan: str | None) -> AsyncIterator[None]:
    """Explain why the block could not store a user. The block must contain the whole transaction, if any: `database`
    reads the plans, which is impossible in a transaction after a failed statement.

    Raises:
        ConflictError: another user has the address or the external id.
        InvalidRequestError: the plan does not exist.
    """
    try:
        yield
    except ConstraintError as error:
        raise await _refusal(database, error, plan) from None


async def _refusal(queries: Queries, error: ConstraintError, plan: str | None) -> Exception:
    if error.constraint == "users_email_key":
        return ConflictError("another user has this email address", field="email")
    if error.constraint == "users_external_id_key":
        return ConflictError("another user has this external id", field="external_id")
    if error.constraint == "users_plan_fkey" and plan is not None:
        return await unknown_plan(queries, plan)
    return error
