"""Items that a client sends, converted to rows of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.fields.chat import MAX_CONTENT, MAX_VALUES, count_values, counted_text, text_of
from svc.fields.values import check_json
from svc.ingest.tokens import count_tokens
from svc.routes.openai.ids import place_of
from svc.routes.openai.item_kinds import CALL, CUSTOM_OUTPUT, KINDS, MESSAGE, OUTPUT, check_fields, check_parts, kind_of

MOST_ITEMS: Final = 20
"""The maximum number of items in a request, as in the OpenAI API."""

ITEM_ROLE: Final = "item"
"""The role of the row of an item that a message cannot represent."""

_ROLES: Final = ("user", "assistant", "system", "developer")
_OF_A_MESSAGE: Final = frozenset({"type", "role", "content", "status", "id", "phase"})
_COMPLETED: Final = "completed"
_SEARCHES_OF_TOOLS: Final = ("tool_search_call", "tool_search_output")

GivenItems = Annotated[list[dict[str, Any]], Meta(max_length=MOST_ITEMS)]


class NewItem(Struct, frozen=True):
    """The row of an item. `item` has the fields that the other columns do not have, or the whole item."""

    role: str
    content: str | None = None
    parts: list[Any] | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None
    item: dict[str, Any] | None = None

    @property
    def details(self) -> dict[str, Any] | None:
        """The columns that most messages do not have."""
        names = ("parts", "tool_calls", "tool_call_id", "item")
        return {name: value for name in names if (value := getattr(self, name)) is not None} or None


async def read_items(items: Sequence[dict[str, Any]]) -> tuple[list[NewItem], list[int]]:
    """Check the items of a request and convert them to rows. Returns the rows, and the tokens of each.

    Raises:
        InvalidRequestError: names the item that is wrong.
    """
    if count_values(items, MAX_VALUES) > MAX_VALUES:
        raise InvalidRequestError(
            f"items have more than {MAX_VALUES:,} JSON values; send them in several requests", field="items"
        )
    return await asyncio.to_thread(_read, items)


def _read(items: Sequence[dict[str, Any]]) -> tuple[list[NewItem], list[int]]:
    rows = [_row(item, f"items[{index}]") for index, item in enumerate(items)]
    ids = [row.item["id"] for row in rows if row.item is not None and "id" in row.item]
    if repeated := next((id_ for id_ in ids if ids.count(id_) > 1), None):
        raise duplicate(repeated)
    return rows, [count_tokens(counted_text(row.content, row.tool_calls)) for row in rows]


def duplicate(id_: str | None = None) -> InvalidRequestError:
    """Return the error for an item whose id is already used in the conversation."""
    named = f"an item with the id {id_}" if id_ else "an item with one of these ids"
    return InvalidRequestError(
        f"the conversation already has {named}; omit the id, and the item gets a new one",
        field="items",
        code="duplicate_item",
    )


def _row(item: dict[str, Any], path: str) -> NewItem:
    kind = kind_of(item, path)
    check_fields(item, kind, path)
    check_json(item, path, MAX_CONTENT)
    extra = {"type": kind, **{name: value for name, value in item.items() if name not in ("type", "id")}}
    extra |= _given_id(item, path)
    if KINDS[kind].has_status and extra.get("status") is None:
        extra["status"] = _COMPLETED
    if kind in _SEARCHES_OF_TOOLS and extra.get("execution") is None:
        # A client that runs its own searches distinguishes them by the id of the call.
        extra["execution"] = "server" if extra.get("call_id") is None else "client"
    if kind == MESSAGE:
        return _message(item, extra, path)
    if kind == CALL:
        _check_call_id(item, path)
        call = {
            "id": extra.pop("call_id"),
            "type": "function",
            "function": {"name": extra.pop("name"), "arguments": extra.pop("arguments")},
        }
        return NewItem("assistant", tool_calls=[call], item=extra)
    if kind == OUTPUT:
        return _output(item, extra, path)
    if kind == CUSTOM_OUTPUT and isinstance(item["output"], list):
        check_parts(item["output"], f"{path}.output")
    return NewItem(ITEM_ROLE, item=extra)


def _given_id(item: dict[str, Any], path: str) -> dict[str, str]:
    """The id of an item, if the client chose it. A copied item with an id made by Cabinet gets a new id."""
    id_ = item.get("id")
    if id_ is None:
        return {}
    if not isinstance(id_, str) or not 1 <= len(id_) <= 255:
        raise InvalidRequestError(f"{path}.id must be a string of 1 to 255 characters", field=f"{path}.id")
    return {} if place_of(id_) else {"id": id_}


def _message(item: dict[str, Any], extra: dict[str, Any], path: str) -> NewItem:
    if unknown := sorted(item.keys() - _OF_A_MESSAGE):
        field = f"{path}.{unknown[0]}"
        raise InvalidRequestError(f"there is no field {field} in a message", field=field, code="unknown_parameter")
    role, content = extra.pop("role"), extra.pop("content")
    if role not in _ROLES:
        field = f"{path}.role"
        raise InvalidRequestError(f"{field} must be one of {', '.join(_ROLES)}", field=field, code="invalid_value")
    kept = None if extra == {"type": MESSAGE, "status": _COMPLETED} else extra
    if isinstance(content, str):
        return NewItem(role, content, item=kept)
    check_parts(content, f"{path}.content")
    if (text := _plain_text(content, role)) is not None:
        return NewItem(role, text, item=kept)
    return NewItem(role, text_of(content), parts=content, item=kept)


def _plain_text(parts: list[dict[str, Any]], role: str) -> str | None:
    """The text of a content that consists only of text; None for other contents."""
    if len(parts) != 1:
        return None
    part = {name: value for name, value in parts[0].items() if not (name in ("annotations", "logprobs") and not value)}
    kind = "output_text" if role == "assistant" else "input_text"
    return cast(str, part["text"]) if part.keys() == {"type", "text"} and part["type"] == kind else None


def _output(item: dict[str, Any], extra: dict[str, Any], path: str) -> NewItem:
    if item.get("call_id") is not None:
        _check_call_id(item, path)
    output, call_id = extra.pop("output"), extra.pop("call_id", None)
    if isinstance(output, str):
        return NewItem("tool", output, tool_call_id=call_id, item=extra)
    check_parts(output, f"{path}.output")
    return NewItem("tool", text_of(output), parts=output, tool_call_id=call_id, item=extra)


def _check_call_id(item: dict[str, Any], path: str) -> None:
    if not isinstance(item["call_id"], str) or not 1 <= len(item["call_id"]) <= 255:
        field = f"{path}.call_id"
        raise InvalidRequestError(f"{field} must be a string of 1 to 255 characters, the id of the call", field=field)
