"""The lists of the OpenAI dialect: `object`, `data`, `first_id`, `last_id`, `has_more`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

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


class Deleted(Struct, frozen=True):
    """Confirms a deletion. `object` names the kind of what was deleted."""

    id: str
    object: str
    deleted: bool = True


def id_of_item(item: dict[str, Any]) -> str:
    """Return the id of an item."""
    return str(item["id"])
