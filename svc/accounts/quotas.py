"""A user's usage of the limits of the plan, for the routes and the commands: `sql/usage/quotas.sql`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from svc.access.quotas import QuotaName, quotas_of
from svc.database.calls import Queries
from svc.errors import CabinetError, NotFoundError, QuotaExceededError, UnauthenticatedError, UnavailableError


class QuotaState(Struct, frozen=True):
    """One limit of the plan. `allowed` is null if there is no limit, `resets_at` if only deletions reduce the usage."""

    quota: QuotaName
    used: int
    allowed: int | None
    resets_at: datetime | None


class Quotas(Struct, frozen=True):
    """The user's plan, and how much of it is used."""

    plan: str
    requests_per_minute: int | None
    quotas: list[QuotaState]


async def read_quotas(queries: Queries, user_id: UUID) -> Quotas:
    """Return the plan of a user, and how much of it is used.

    Raises:
        NotFoundError: there is no such user.
    """
    row = await queries.one("usage/quotas", user_id=user_id)
    if row is None:
        raise NotFoundError("there is no such user")
    return Quotas(
        row.plan,
        row.requests_per_minute,
        [QuotaState(quota.name, quota.used, quota.allowed, quota.resets_at) for quota in quotas_of(row).values()],
    )


async def refused(queries: Queries, user_id: UUID, more: Mapping[QuotaName, int]) -> CabinetError:
    """Return the error for a request that exceeds a limit of the plan; `more` contains its amount for each limit."""
    row = await queries.one("usage/quotas", user_id=user_id)
    if row is None:
        return UnauthenticatedError("the user of this key no longer exists")
    try:
        for name, amount in more.items():
            quotas_of(row)[name].check(amount)
    except QuotaExceededError as error:
        return error
    return UnavailableError("the limit of your plan was reached, but now there is room: try again", retry_after_s=1)
