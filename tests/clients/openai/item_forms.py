"""Items in all forms that the types of the SDK allow: the smallest, the largest, with nulls, with each alternative."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin

from openai.types.conversations.conversation_item import ConversationItem
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from pydantic import Field, TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

_SIMPLE: dict[Any, list[Any]] = {
    str: ["a"], int: [1, 0], float: [0.5], bool: [True, False], object: [{"a": 1}], type(None): [None], Any: [{}],
}  # fmt: skip
_REFUSED = ("item_reference", "compaction_trigger")
_DEEPEST = 6


def forms() -> Iterator[dict[str, Any]]:
    """Each form, without repetitions."""
    seen: set[str] = set()
    for variant in get_args(ResponseInputItemParam):
        for item in _objects(variant, 0):
            kind = item.get("type") or ("message" if "role" in item else "item_reference")
            # A client gives each item a unique id, or none.
            named = {**item, "id": f"{kind}-{len(seen)}"} if item.get("id") else item
            key = json.dumps(item, sort_keys=True)
            if kind not in _REFUSED and key not in seen:
                seen.add(key)
                yield named


def answers() -> TypeAdapter[Any]:
    """The type of an item in an answer, which only its `type` identifies."""
    kinds: Any = get_args(get_args(ConversationItem)[0])
    return TypeAdapter(Annotated[Union[kinds], Field(discriminator="type")])  # noqa: UP007


def _objects(kind: Any, depth: int) -> Iterator[dict[str, Any]]:
    hints: dict[str, Any] = get_type_hints(kind, include_extras=True)
    required: Any = Required
    fields = {name: _values(hint, depth + 1) for name, hint in hints.items()}
    smallest = {name: fields[name][0] for name, hint in hints.items() if get_origin(hint) == required}
    yield smallest
    yield {**smallest, **{name: None for name, values in fields.items() if None in values}}
    yield {name: max(values, key=lambda value: len(json.dumps(value))) for name, values in fields.items()}
    for name, values in fields.items():
        for value in values:
            yield {**smallest, name: value}


def _values(hint: Any, depth: int) -> list[Any]:
    """Values of a type, the smallest first."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Required, Annotated):
        return _values(arguments[0], depth)
    if origin is Literal:
        return [*arguments]
    if origin is Union:
        return [value for argument in arguments for value in _values(argument, depth)]
    if is_typeddict(hint):
        return [*_objects(hint, depth)][:3] if depth < _DEEPEST else []
    if origin is dict:
        return [{}, {"k": _values(arguments[1], depth)[0]}]
    if origin is not None:
        return [[], _values(arguments[0], depth)]
    return _SIMPLE[hint]
