"""Translates filters in the form of other databases, `{"year": {"$gte": 2020}}`, for error messages."""

from __future__ import annotations

from typing import Any

import msgspec

from svc.errors import InvalidRequestError
from svc.filters.tree import OPERATORS

_SHOWN_CHARACTERS = 200
_GROUPS = {"$and": "and", "$or": "or"}


def check_no_operator(metadata: dict[str, Any], field: str) -> None:
    """Check that no key of a metadata filter begins with `$`: it would be compared as data, and match nothing.

    `metadata` has passed `check_metadata`, so it is small.

    Raises:
        InvalidRequestError: names the key, and the equivalent filter.
    """
    found = foreign_operator(metadata)
    if found is not None:
        names, operator, value = found
        place = ".".join([field, *names, operator])[:_SHOWN_CHARACTERS]
        raise InvalidRequestError(
            f"{place} begins with $, but {field} compares for equality only; instead, send "
            f'"filter": {right_form(names, operator, value)}',
            field=place,
        )


def foreign_operator(value: Any) -> tuple[list[str], str, Any] | None:
    """Return the first key that begins with `$`: the keys that lead to it, itself and its value."""
    stack: list[tuple[list[str], Any]] = [([], value)]
    while stack:
        names, item = stack.pop()
        if isinstance(item, dict):
            for name, member in item.items():
                if name.startswith("$"):
                    return names, name, member
            stack += [([*names, name], member) for name, member in reversed(item.items())]
        elif isinstance(item, list):
            stack += [(names, member) for member in reversed(item)]
    return None


def right_form(names: list[str], operator: str, value: Any) -> str:
    """Return the filter, as JSON, that is equivalent to `{"name": {"$operator": value}}` in other databases."""
    if operator in _GROUPS:
        return f'{{"type":"{_GROUPS[operator]}","filters":[…]}}'
    if operator in ("$not", "$nor"):
        return '{"type":"not","filter":{…}}'
    key: Any = names if any("." in name for name in names) else ".".join(names)
    kind = operator[1:] if operator[1:] in OPERATORS else "eq"
    form = msgspec.json.encode({"type": kind, "key": key or "year", "value": value}).decode()
    return form if len(form) <= _SHOWN_CHARACTERS else f'{{"type":"{kind}","key":…,"value":…}}'
