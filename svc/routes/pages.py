"""The pages of every list: `limit` and `after` in, `data` and `next` out. Paging by key skips and repeats nothing."""

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
    """One page of a list. `next` is the `after` of the following page, or null on the last page.

    `count`, if it was requested, is the number of all items that match; if `count_is_exact` is false, there are more.
    """

    data: list[T]
    next: str | None
    count: int | msgspec.UnsetType = msgspec.UNSET
    count_is_exact: bool | msgspec.UnsetType = msgspec.UNSET


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page to return, of a list whose items have ids."""

    limit: Limit = 20
    after: UUID | None = None


class PositionPageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page to return, of a list whose items are numbered."""

    limit: Limit = 20
    after: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None


def page(
    rows: Sequence[R], limit: int, item: Callable[[R], T], cursor: Callable[[R], object], *, is_cut: bool = False
) -> Page[T]:
    """Make a page of at most `limit` items from up to `limit + 1` rows. An extra row means that another page follows.

    `cursor` returns the value of `after` that continues after a row. `is_cut`: more rows follow that do not fit into an
    answer.
    """
    shown = rows[:limit]
    following = str(cursor(shown[-1])) if len(rows) > limit or (is_cut and shown) else None
    return Page([item(row) for row in shown], following)


def counted(page_: Page[T], count: int | None, most: int) -> Page[T]:
    """Add the number of all items to a page. `count` is `most` + 1 if there are more; None if it was not requested."""
    if count is None:
        return page_
    return msgspec.structs.replace(page_, count=min(count, most), count_is_exact=count <= most)


def one_more(limit: int) -> int:
    """The number of rows to request: one more than the page, to detect the last page."""
    return limit + 1
