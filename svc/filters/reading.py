"""Reads a filter from JSON, in the grammar of the OpenAI API with more operators, into a tree.

    {"type": "and", "filters": [{"type": "gte", "key": "year", "value": 2023},
                                {"type": "not", "filter": {"type": "prefix", "key": "filename", "value": "draft"}}]}

A filter that passes is small enough for its evaluation to be bounded, and every error names the place.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from svc.errors import InvalidRequestError
from svc.field_faults import FieldFault, MissingField, UnknownField, WrongValue
from svc.fields.values import check_text, shortened
from svc.filters.columns import Fields, value_of
from svc.filters.foreign_forms import foreign_operator, right_form
from svc.filters.tree import OPERATORS, ORDERS, Column, Comparison, Group, Negation, Operator, Path, Scalar, Tree, Value

MAX_FILTER_BYTES = 16 * 2**10
MAX_FILTER_DEPTH = 16
MAX_COMPARISONS = 100
MAX_VALUES = 1000
_MAX_NAMES = 16
_BEYOND_64_BITS = 2**63
_EXAMPLE = '{"type": "gte", "key": "year", "value": 2023}'

Filter = Annotated[
    dict[str, Any],
    Meta(
        description=(
            "A comparison `{type, key, value}` of a member of the metadata or a field, with a `type` of "
            f"{', '.join(OPERATORS)}; or `{{type: and | or, filters: […]}}` or `{{type: not, filter: {{…}}}}`. At most "
            f"{MAX_FILTER_BYTES:,} bytes, {MAX_FILTER_DEPTH} levels and {MAX_COMPARISONS} comparisons."
        ),
        examples=[{"type": "gte", "key": "year", "value": 2023}],
    ),
]


def read_filter(filter_: dict[str, Any], fields: Fields, field: str = "filter") -> Tree:
    """Read a filter. `fields` are the keys that are not in the metadata; `field` is its name in errors.

    Raises:
        InvalidRequestError: it is too large, or not a filter; names the place.
    """
    try:
        size = len(msgspec.json.encode(filter_))
    except (RecursionError, UnicodeEncodeError):
        raise InvalidRequestError(f"{field} is nested too deeply, or contains a lone surrogate", field=field) from None
    if size > MAX_FILTER_BYTES:
        raise InvalidRequestError(f"{field} must be at most {MAX_FILTER_BYTES:,} bytes; it has {size:,}", field=field)
    return _Reader(fields).tree(filter_, field, 1)


class _Reader:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._comparisons = 0
        self._values = 0

    def tree(self, node: Any, place: str, depth: int) -> Tree:
        if depth > MAX_FILTER_DEPTH:
            raise _fault(f"{place} is nested more than {MAX_FILTER_DEPTH} levels deep", place)
        if not isinstance(node, dict):
            raise _fault(f"{place} must be a filter, such as {_EXAMPLE}", place)
        kind = node.get("type")
        if kind in ("and", "or"):
            _check_members(node, {"type", "filters"}, place)
            if "filters" not in node:
                raise _fault(f"{place}.filters is required: one or more filters", f"{place}.filters", MissingField)
            return Group(kind, tuple(self._parts(node["filters"], f"{place}.filters", depth)))
        if kind == "not":
            return Negation(self._negated(node, place, depth))
        if kind in OPERATORS:
            return self._comparison(node, kind, place)
        raise _no_filter(node, place)

    def _parts(self, parts: Any, place: str, depth: int) -> list[Tree]:
        if not isinstance(parts, list) or not parts:
            raise _fault(f"{place} must be a list of one or more filters, such as [{_EXAMPLE}]", place)
        return [self.tree(part, f"{place}[{index}]", depth + 1) for index, part in enumerate(parts)]

    def _negated(self, node: dict[str, Any], place: str, depth: int) -> Tree:
        if "filters" not in node:
            _check_members(node, {"type", "filter"}, place)
            return self.tree(node.get("filter"), f"{place}.filter", depth + 1)
        _check_members(node, {"type", "filters"}, place)
        parts = self._parts(node["filters"], f"{place}.filters", depth)
        if len(parts) > 1:
            raise _fault(f"{place}.filters must be one filter; combine several with and, or or", f"{place}.filters")
        return parts[0]

    def _comparison(self, node: dict[str, Any], operator: Operator, place: str) -> Comparison:
        _check_members(node, {"type", "key", "value"}, place)
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise _fault(f"{place} is one comparison too many; a filter has at most {MAX_COMPARISONS}", place)
        if "key" not in node:
            raise _fault(f'{place}.key is required: a name, such as "author.name"', f"{place}.key", MissingField)
        key = self._key(node["key"], f"{place}.key")
        value_place = f"{place}.value"
        if operator == "exists":
            is_there = node.get("value", True)
            if not isinstance(is_there, bool):
                raise _fault(f"{value_place} must be true or false, or omitted for true", value_place)
            return Comparison(operator, key, (is_there,))
        if "value" not in node:
            raise _fault(f"{value_place} is required", value_place, MissingField)
        if operator not in ("in", "nin"):
            return Comparison(operator, key, (self._value(node["value"], operator, key, value_place),))
        values = node["value"]
        if not isinstance(values, list):
            raise _fault(f"{value_place} must be a list of values for {operator}", value_place)
        return Comparison(
            operator,
            key,
            tuple(self._value(one, operator, key, f"{value_place}[{index}]") for index, one in enumerate(values)),
        )

    def _key(self, key: Any, place: str) -> Path | Column:
        if isinstance(key, str):
            if key in self._fields:
                return Column(key)
            names = key.split(".")
            if any(name.startswith("$") for name in names):
                raise _fault(
                    f"{place} contains a name that begins with $, as operators of other databases do; for a member of "
                    f"this name, the key is a list of names, such as {msgspec.json.encode([key[:40]]).decode()}",
                    place,
                )
        elif isinstance(key, list) and key and all(isinstance(name, str) for name in key):
            names = key
        else:
            raise _fault(f'{place} must be a name, such as "author.name", or a list of names', place)
        if len(names) > _MAX_NAMES or (isinstance(key, str) and "" in names):
            raise _fault(f"{place} must be 1 to {_MAX_NAMES} names, none empty, separated by dots", place)
        check_text("".join(names), place)
        return Path(tuple(names))

    def _value(self, value: Any, operator: Operator, key: Path | Column, place: str) -> Value:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _fault(f"{place} is one value too many; a filter has at most {MAX_VALUES:,}", place)
        scalar = _scalar(value, operator, place)
        if isinstance(key, Path):
            return scalar
        field = self._fields[key.name]
        if operator == "contains" or (operator == "prefix" and field.kind != "text"):
            raise _fault(f"{key.name} cannot be compared with {operator}", place)
        return value_of(scalar, key.name, field, place)


def _scalar(value: Any, operator: Operator, place: str) -> Scalar:
    if isinstance(value, str):
        check_text(value, place)
        return value
    if operator == "prefix":
        raise _fault(f"{place} must be a string, with which the value begins", place)
    if isinstance(value, bool) or value is None:
        if operator in ORDERS:
            raise _fault(f"{place} must be a number, a string or a date for {operator}", place)
        return value
    if isinstance(value, int | float):
        if not -_BEYOND_64_BITS <= value < _BEYOND_64_BITS:
            raise _fault(f"{place} must be a number from -2^63 to 2^63 (about 9.2e18)", place)
        return value
    raise _fault(f"{place} must be a string, a number, true, false or null; compare members one by one", place)


def _check_members(node: dict[str, Any], known: set[str], place: str) -> None:
    for name in node:
        if name not in known:
            shown = shortened(f"{place}.{name}")
            detail = f"there is no field {shown}; the fields here are {', '.join(sorted(known))}"
            raise _fault(detail, shown, UnknownField)


def _no_filter(node: dict[str, Any], place: str) -> InvalidRequestError:
    found = foreign_operator(node)
    if found is not None:
        names, operator, value = found
        right = right_form(names, operator, value)
        return _fault(f"{place} has a key that begins with $, as in other databases; send {right}", place)
    kinds = f"{', '.join(OPERATORS)}, and, or, not"
    if "type" in node:
        return _fault(f"{place}.type must be one of {kinds}", f"{place}.type")
    return _fault(f"{place}.type is required: one of {kinds}, as in {_EXAMPLE}", f"{place}.type", MissingField)


def _fault(detail: str, place: str, kind: type[FieldFault] = WrongValue) -> InvalidRequestError:
    return InvalidRequestError(detail, field=shortened(place), code=kind.code)
