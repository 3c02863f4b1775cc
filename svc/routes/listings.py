"""The items of a list of documents or conversations, its order in both directions, and the cursors of its pages.

A cursor contains the order, and the field and id of the last item, so a page continues where the previous one ended
even if that item has been deleted. A cursor of another order is refused.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.fields.ids import read_id
from svc.fields.repeated_names import check_names
from svc.fields.values import check_moment, check_text
from svc.filters.arguments import matching_arguments
from svc.filters.columns import Fields
from svc.filters.reading import read_filter

Field = Literal["id", "created_at", "updated_at", "filename", "file_size"]
Cursor = Annotated[
    str, Meta(max_length=2200, description="The `next` of the previous page.", extra={"form": "the `next` of a page"})
]
MAX_IDS = 100
Ids = Annotated[
    str,
    Meta(
        max_length=37 * MAX_IDS,
        description=f"At most {MAX_IDS} ids, separated by commas.",
        extra={"form": f"at most {MAX_IDS} ids, separated by commas"},
    ),
]
Count = Annotated[bool, Meta(description="Adds the number of all items that match, counted up to 10,000.")]
MAX_COUNT = 10_000


class Order(Struct, frozen=True):
    """An order of a list: by `field`, then by id, highest first if it is descending."""

    field: Field = "id"
    is_descending: bool = True

    @property
    def name(self) -> str:
        """The value of `sort`."""
        return f"{'-' if self.is_descending else ''}{self.field}"


class After(Struct, frozen=True):
    """The item after which a page begins: its id, and its value of the field, in the attribute of the value's type."""

    id: UUID | None = None
    text: str | None = None
    number: int | None = None
    time: datetime | None = None


class Listing(Struct, frozen=True):
    """The parameters of a list: its order, where it begins, the ids and the filter of its items."""

    order: Order
    after: After
    ids: list[UUID] | None
    filters: dict[str, Any] | None
    is_plain: bool

    def cursor(self, row: Any) -> str:
        """Return the cursor that continues after a row."""
        return cursor_of(row, self.order)


class ListQuery(Struct, frozen=True, kw_only=True):
    """The query parameters of a list. `filter` is a filter in JSON."""

    after: Cursor | None = None
    ids: Ids | None = None
    filter: str | None = None
    count: Count = False


def read_listing(query: ListQuery, sort: str | None, fields: Fields) -> Listing:
    """Read the parameters of a list. `fields` are those of its items that a filter compares.

    Raises:
        InvalidRequestError: one of them is wrong; names it.
    """
    order = read_order(sort)
    filter_ = _read_filter(query.filter)
    return Listing(
        order=order,
        after=read_after(query.after, order),
        ids=read_ids(query.ids, "ids"),
        filters=None if filter_ is None else matching_arguments(read_filter(filter_, fields)),
        is_plain=query.ids is None and filter_ is None and sort is None,
    )


def read_order(sort: str | None) -> Order:
    """Return the order that `sort` names; the default is newest first."""
    if sort is None:
        return Order()
    field = sort.removeprefix("-")
    assert field in get_args(Field)
    return Order(field, sort.startswith("-"))  # type: ignore[arg-type]


def read_after(after: str | None, order: Order) -> After:
    """Read a cursor.

    Raises:
        InvalidRequestError: it is not a cursor of this order.
    """
    if after is None:
        return After()
    if order.field == "id":
        try:
            return After(read_id(after))
        except ValueError:
            raise _no_cursor() from None
    try:
        padded = after + "=" * (-len(after) % 4)
        name, id_, value = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[str, UUID, str | int])
    except (msgspec.DecodeError, binascii.Error, UnicodeError, ValueError):
        raise _no_cursor() from None
    if name.removeprefix("-") not in get_args(Field):
        raise _no_cursor()
    if name != order.name:
        raise InvalidRequestError(
            f"after belongs to a list with sort={name}; send that, or begin the list again without after", field="after"
        )
    return _after(id_, value, order)


def _after(id_: UUID, value: str | int, order: Order) -> After:
    if order.field == "file_size":
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return After(id_, number=value)
    elif isinstance(value, str) and order.field == "filename":
        check_text(value, "after")
        return After(id_, text=value)
    elif isinstance(value, str):
        try:
            moment = msgspec.convert(value, Annotated[datetime, Meta(tz=True)])
        except msgspec.ValidationError:
            raise _no_cursor() from None
        check_moment(moment, "after")
        return After(id_, time=moment)
    raise _no_cursor()


def cursor_of(row: Any, order: Order) -> str:
    """Return the cursor that continues after a row."""
    if order.field == "id":
        return str(row.id)
    content = msgspec.json.encode((order.name, row.id, getattr(row, order.field)))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_ids(ids: str | None, field: str) -> list[UUID] | None:
    """Parse ids that are separated by commas.

    Raises:
        InvalidRequestError: there are too many, or one is not an id; names `field`.
    """
    if ids is None:
        return None
    try:
        read = [read_id(id_.strip()) for id_ in ids.split(",") if id_.strip()]
    except ValueError:
        raise InvalidRequestError(f"{field} must be UUIDs separated by commas", field=field) from None
    if not 1 <= len(read) <= MAX_IDS:
        raise InvalidRequestError(f"{field} must be 1 to {MAX_IDS} ids, separated by commas", field=field)
    return read


def _read_filter(filter_: str | None) -> dict[str, Any] | None:
    if filter_ is None:
        return None
    try:
        found = msgspec.json.decode(filter_, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise InvalidRequestError(
            'filter must be a filter in JSON, encoded for a URL, such as {"type":"eq","key":"topic","value":"sea"}',
            field="filter",
        ) from None
    check_names(filter_.encode(), "filter")
    return found


def _no_cursor() -> InvalidRequestError:
    return InvalidRequestError("after must be the next of a page, in the same order", field="after")
