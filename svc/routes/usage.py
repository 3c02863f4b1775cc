"""What was used, by day and by user: `sql/usage/`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.database import rows as r
from svc.errors import InvalidRequestError
from svc.routes.pages import Limit, Page, one_more
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("usage")

Unit = Literal["day", "month"]
Count = Literal["requests", "searches", "uploads", "bytes", "messages", "tokens"]

MOST_DAYS = {"day": 366, "month": 3660}
# Of the same size and order as the statement pages by: the count, then the user.
_CURSOR = r"^\d{1,18}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Span(Struct, frozen=True, forbid_unknown_fields=True):
    """The days that are asked for, in UTC, both included: this month's when left out."""

    first: Annotated[date, Meta(description="The first day; that of the month when left out.")] | None = msgspec.field(
        default=None, name="from"
    )
    last: Annotated[date, Meta(description="The last day; today when left out.")] | None = msgspec.field(
        default=None, name="to"
    )

    def days(self, most: int) -> tuple[date, date]:
        """The first and the last day.

        Raises:
            InvalidRequestError: they come in the wrong order, or are more than `most`.
        """
        last = self.last or datetime.now(UTC).date()
        first = self.first or min(last.replace(day=1), last)
        if first > last:
            raise InvalidRequestError(f"from ({first}) must not be after to ({last})", field="from")
        if last - first >= timedelta(days=most):
            raise InvalidRequestError(
                f"from and to may be at most {most:,} days apart; these are {(last - first).days + 1:,}", field="from"
            )
        return first, last


class UsageQuery(Span, frozen=True, forbid_unknown_fields=True):
    """Which days, and added up by what."""

    by: Unit = "day"


class Counts(Struct, frozen=True):
    """What was used. `bytes` were uploaded, `tokens` embedded: of new texts of documents, of messages, of queries."""

    requests: int
    searches: int
    uploads: int
    bytes: int
    messages: int
    tokens: int


class Period(Counts, frozen=True):
    """What was used on a day, or in the month that begins with it."""

    period: date


class Usage(Struct, frozen=True):
    """What was used between two days; periods without use are left out."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    by: Unit
    data: list[Period]
    total: Counts


class UsersQuery(Span, frozen=True, forbid_unknown_fields=True):
    """Which days, by which count the users are sorted, and which page."""

    sort: Count = "tokens"
    limit: Limit = 20
    after: (
        Annotated[
            str,
            Meta(
                pattern=_CURSOR,
                description="The `next` of the page before.",
                extra={"form": "the next of the page before, as it was sent"},
            ),
        ]
        | None
    ) = None


class UserUsage(Counts, frozen=True):
    """What one user used."""

    user_id: UUID
    email: str
    plan: str


@routes.get("/usage")
async def get_usage(call: Call, query: UsageQuery) -> Usage:
    """Get what you used, by day or by month.

    Requests and searches are in it a second after they were made. A document counts when it is ready, a message when
    it is embedded: until then their tokens are not in it.
    """
    first, last = query.days(MOST_DAYS[query.by])
    rows = await call.services.database.many(
        "usage/by_period",
        user_id=call.principal.tenant,
        unit=query.by,
        first=first,
        last=last,
        max_rows=MOST_DAYS["day"],
    )
    total = Counts(
        requests=sum(row.requests for row in rows),
        searches=sum(row.searches for row in rows),
        uploads=sum(row.uploads for row in rows),
        bytes=sum(row.bytes for row in rows),
        messages=sum(row.messages for row in rows),
        tokens=sum(row.tokens for row in rows),
    )
    return Usage(first, last, query.by, [_period(row) for row in rows], total)


def _period(row: r.UsageByPeriod) -> Period:
    return Period(
        period=row.period,
        requests=row.requests,
        searches=row.searches,
        uploads=row.uploads,
        bytes=row.bytes,
        messages=row.messages,
        tokens=row.tokens,
    )


@routes.get("/usage/users", access="admin")
async def list_usage(call: Call, query: UsersQuery) -> Page[UserUsage]:
    """List all users by what they used, the largest first."""
    first, last = query.days(MOST_DAYS["day"])
    size, _, user_id = (query.after or "").partition("_")
    rows = await call.services.database.many(
        "usage/list",
        first=first,
        last=last,
        sort=query.sort,
        after=int(size) if size else None,
        after_user=UUID(user_id) if user_id else None,
        max_rows=one_more(query.limit),
    )
    shown = rows[: query.limit]
    following = f"{shown[-1].size}_{shown[-1].user_id}" if len(rows) > query.limit else None
    return Page([_user_usage(row) for row in shown], following)


def _user_usage(row: r.UsageList) -> UserUsage:
    return UserUsage(
        user_id=row.user_id,
        email=row.email,
        plan=row.plan,
        requests=row.requests,
        searches=row.searches,
        uploads=row.uploads,
        bytes=row.bytes,
        messages=row.messages,
        tokens=row.tokens,
    )
