"""A user's preferences, changed with a JSON merge patch (RFC 7396): `sql/users/merge_preferences.sql`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import NotFoundError
from svc.fields.values import Metadata, check_metadata
from svc.web.conditions import unchanged
from svc.web.request import MERGE_PATCH, Call
from svc.web.routing import Routes

routes = Routes("users")


@routes.get("/me/preferences", tagged=True)
async def get_preferences(call: Call) -> dict[str, Any]:
    """Get your preferences."""
    return _found(await call.services.database.one("users/get", user_id=call.principal.tenant))


async def _held(queries: Queries, user_id: UUID) -> dict[str, Any]:
    """Lock a user and return their preferences."""
    return _found(await queries.one("users/get_to_change", user_id=user_id))


def _found(row: r.UsersGet | None) -> dict[str, Any]:
    if row is None:
        raise NotFoundError("there is no such user")
    preferences: dict[str, Any] = row.preferences
    return preferences


@routes.patch(
    "/me/preferences", media_type=MERGE_PATCH, tagged=True, example={"language": "en", "theme": {"dark": True}}
)
async def patch_preferences(call: Call, body: Metadata) -> dict[str, Any]:
    """Change your preferences with a JSON merge patch (RFC 7396).

    A member of the patch replaces the member with the same name, or is merged into it if both are objects; null removes
    it. Send the patch as application/merge-patch+json or as application/json.
    """
    check_metadata(body, "(body)")
    tenant = call.principal.tenant
    async with unchanged(call, lambda queries: _held(queries, tenant), in_transaction=True) as transaction:
        preferences: dict[str, Any] | None = await transaction.value(
            "users/merge_preferences", user_id=tenant, patch=body
        )
        if preferences is None:
            raise NotFoundError("there is no such user")
        # The patch and the stored preferences are each within the limits; merged, they may exceed them.
        check_metadata(preferences, "preferences")
    return preferences
