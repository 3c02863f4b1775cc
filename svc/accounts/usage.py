"""The days and the counts of a report on usage, for the routes and the commands: `sql/usage/`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from svc.errors import InvalidRequestError

Unit = Literal["day", "month"]
Count = Literal["requests", "searches", "uploads", "bytes", "messages", "tokens"]

MOST_DAYS = {"day": 366, "month": 3660}


class Span(Struct, frozen=True, forbid_unknown_fields=True):
    """The first and last day of a report, in UTC; the current month by default."""

    first: Annotated[date, Meta(description="The first day, by default the first of the month.")] | None = (
        msgspec.field(default=None, name="from")
    )
    last: Annotated[date, Meta(description="The last day, by default today.")] | None = msgspec.field(
        default=None, name="to"
    )

    def days(self, most: int) -> tuple[date, date]:
        """Return the first and the last day.

        Raises:
            InvalidRequestError: they are in the wrong order, or span more than `most` days.
        """
        last = self.last or datetime.now(UTC).date()
        first = self.first or min(last.replace(day=1), last)
        if first > last:
            raise InvalidRequestError(f"from ({first}) must not be after to ({last})", field="from")
        if last - first >= timedelta(days=most):
            raise InvalidRequestError(
                f"from and to must span at most {most:,} days; these span {(last - first).days + 1:,}", field="from"
            )
        return first, last


class Counts(Struct, frozen=True):
    """Usage. `bytes` counts uploaded bytes, `tokens` the embedded tokens of documents, messages and queries."""

    requests: int
    searches: int
    uploads: int
    bytes: int
    messages: int
    tokens: int
