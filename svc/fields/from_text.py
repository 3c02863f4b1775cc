"""Reads structs from query strings and forms, whose values are text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from svc.errors import InvalidFieldsError
from svc.field_faults import FieldFault, WrongValue
from svc.fields.phrases import expectation, without_metadata
from svc.fields.validation import MAX_FAULTS, fault_without_value, faults_of, shown_field

T = TypeVar("T")

# msgspec also takes 1e2, 5.0 and -0 for integers, and NaN and inf for numbers.
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_FINITE = re.compile(r"[-+.0-9eE]+")


def from_text(values: Mapping[str, Any], type_: type[T]) -> T:
    """Return `values`, which are texts, lists of texts and objects of texts, as a `type_`, a struct.

    Raises:
        InvalidFieldsError: a value is wrong, or a number is not written in plain digits; names the fields.
    """
    odd = list(islice(_odd_numbers(values, type_, ""), MAX_FAULTS))
    try:
        read = msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        others = {fault.field for fault in odd}
        found = [fault for fault in faults_of(values, type_, is_text=True) if fault.field not in others]
        raise InvalidFieldsError([*found, *odd][:MAX_FAULTS] or [fault_without_value(error, type_)]) from None
    if odd:
        raise InvalidFieldsError(odd)
    return read


def _odd_numbers(values: Mapping[str, Any], type_: Any, path: str) -> Iterator[FieldFault]:
    """Yield the faults of the numbers that msgspec would accept although they are not written as such."""
    fields = _fields_of(type_)
    for name, value in values.items():
        field, place = fields.get(name), f"{path}.{name}".lstrip(".")
        if field is None:
            continue
        if isinstance(value, Mapping):
            for struct in field.structs:
                yield from _odd_numbers(value, struct, place)
        elif field.number is not None and isinstance(value, str) and _is_odd(value, field.number):
            shown = shown_field(place)
            yield WrongValue(shown, f"{shown} must be {expectation(field.type)}, in plain digits")


@dataclass(frozen=True)
class _Field:
    """A field of a struct: the number that its text can stand for, if no string, and the structs that it can be."""

    type: Any
    number: type[int] | type[float] | None
    structs: tuple[Any, ...]


@cache
def _fields_of(type_: Any) -> Mapping[str, _Field]:
    """The fields of a struct by their names in requests. Cached, since the inspection takes 0.3 ms."""
    return {field.encode_name: _inspected(field.type) for field in msgspec.structs.fields(type_)}


def _inspected(type_: Any) -> _Field:
    wanted = inspect.type_info(type_)
    alternatives = [without_metadata(one) for one in getattr(wanted, "types", (wanted,))]
    kinds = {type(one) for one in alternatives}
    number: type[int] | type[float] | None = None
    if inspect.StrType not in kinds:
        number = int if inspect.IntType in kinds else float if inspect.FloatType in kinds else None
    return _Field(type_, number, tuple(one.cls for one in alternatives if isinstance(one, inspect.StructType)))


def _is_odd(text: str, number: type[int] | type[float]) -> bool:
    form = _INTEGER if number is int else _FINITE
    return text != "null" and form.fullmatch(text) is None and _converts(text, number)


def _converts(text: str, kind: type[int] | type[float]) -> bool:
    try:
        msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True
