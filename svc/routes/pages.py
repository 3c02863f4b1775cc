"""How every list is paged: `limit` and `after` in, `data` and `next` out; by key, so nothing is skipped or repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

R = TypeVar("R")
T = TypeVar("T")

Limit = Annotated[int, Meta(ge=1, le=100, description="Items on a page, 1 to 100.")]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next` is the `after` of the following page; null on the last."""

    data: list[T]
    next: str | None


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list whose items are known by an id."""

    limit: Limit = 20
    after: UUID | None = None


class PositionPageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list whose items are numbered."""

    limit: Limit = 20
    after: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None


def page(rows: Sequence[R], limit: int, item: Callable[[R], T], cursor: Callable[[R], object]) -> Page[T]:
    """A page of at most `limit` items out of up to `limit + 1` rows; the one too many says that a page follows.

    `cursor` gives what the next page begins after.
    """
    shown = rows[:limit]
    following = str(cursor(shown[-1])) if len(rows) > limit else None
    return Page([item(row) for row in shown], following)


def one_more(limit: int) -> int:
    """Rows to ask for, so that the page knows whether it is the last."""
    return limit + 1
