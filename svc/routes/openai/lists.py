"""The lists of the OpenAI dialect: `object`, `data`, `first_id`, `last_id`, `has_more`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from svc.routes.openai.ids import given_id

T = TypeVar("T")

Order = Literal["asc", "desc"]


class Listed(Struct, Generic[T], frozen=True):
    """One page of a list. A client continues with `last_id` as `after` while `has_more` is true."""

    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


def listed(data: Sequence[T], id_of: Callable[[T], str], *, has_more: bool) -> Listed[T]:
    """Make a page of a list."""
    ends = (id_of(data[0]), id_of(data[-1])) if data else (None, None)
    return Listed(list(data), ends[0], ends[1], has_more)


class Walk(NamedTuple):
    """How to read the rows of a page: the direction, and the rows before and after it.

    With `before` alone, a page has the rows just before that row, which are read backwards.
    """

    descending: bool
    after: UUID | None
    before: UUID | None
    is_backwards: bool

    def page(self, rows: Sequence[T], limit: int) -> tuple[list[T], bool]:
        """Return the rows of the page in the order of the list, and whether more follow in the direction of reading.

        `rows` are those that were read, one more than `limit` if there are more.
        """
        kept = list(rows[:limit])
        return kept[::-1] if self.is_backwards else kept, len(rows) > limit


def walk(prefix: str, after: str | None, before: str | None, order: Order) -> Walk:
    """Return how to read the page that the ids `after` and `before` request; `prefix` is that of their kind.

    Raises:
        InvalidRequestError: one of them is not an id of this kind.
    """
    is_descending = order == "desc"
    first = None if after is None else given_id(prefix, after, "after")
    last = None if before is None else given_id(prefix, before, "before")
    if first is None and last is not None:
        return Walk(not is_descending, last, None, True)
    return Walk(is_descending, first, last, False)


class Deleted(Struct, frozen=True):
    """Confirms a deletion. `object` names the kind of the deleted object."""

    id: str
    object: str
    deleted: bool = True


def id_of_item(item: dict[str, Any]) -> str:
    """Return the id of an item."""
    return str(item["id"])
