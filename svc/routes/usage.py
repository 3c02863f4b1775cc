"""Usage by day and by user: `sql/usage/`."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.accounts.usage import MOST_DAYS, Count, Counts, Span, Unit
from svc.database import rows as r
from svc.routes.pages import Limit, Page, one_more
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("usage")

# The same parts and order as the statement's key: the count, then the user.
_CURSOR = r"^\d{1,18}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class UsageQuery(Span, frozen=True, forbid_unknown_fields=True):
    """The days to report, summed by day or by month."""

    by: Unit = "day"


class Period(Counts, frozen=True):
    """The usage of a day, or of the month that starts with it."""

    period: date


class Usage(Struct, frozen=True):
    """The usage between two days. Periods without usage are omitted."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    by: Unit
    data: list[Period]
    total: Counts


class UsersQuery(Span, frozen=True, forbid_unknown_fields=True):
    """The days to report, the count by which users are sorted, and the page."""

    sort: Count = "tokens"
    limit: Limit = 20
    after: (
        Annotated[
            str,
            Meta(
                pattern=_CURSOR,
                description="The `next` of the previous page.",
                extra={"form": "the value of next from the previous page"},
            ),
        ]
        | None
    ) = None


class UserUsage(Counts, frozen=True):
    """The usage of one user."""

    user_id: UUID
    email: str
    plan: str


@routes.get("/usage")
async def get_usage(call: Call, query: UsageQuery) -> Usage:
    """Get your usage by day or by month.

    Requests and searches are included about a second after they are made. The tokens of a document are included when
    it is ready, those of a message when it is embedded.
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
    """List all users by usage, highest first."""
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
