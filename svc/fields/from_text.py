"""Reads structs from query strings and forms, whose values are text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    for field in msgspec.structs.fields(type_):
        value, place = values.get(field.encode_name), f"{path}.{field.encode_name}".lstrip(".")
        wanted = inspect.type_info(field.type)
        alternatives = [without_metadata(one) for one in getattr(wanted, "types", (wanted,))]
        if isinstance(value, Mapping):
            structs = (one.cls for one in alternatives if isinstance(one, inspect.StructType))
            for struct in structs:
                yield from _odd_numbers(value, struct, place)
        elif isinstance(value, str) and _is_odd(value, alternatives):
            shown = shown_field(place)
            yield WrongValue(shown, f"{shown} must be {expectation(field.type)}, in plain digits")


def _is_odd(text: str, alternatives: list[inspect.Type]) -> bool:
    kinds = {type(one) for one in alternatives}
    if inspect.StrType in kinds or text == "null":
        return False
    if inspect.IntType in kinds:
        return _INTEGER.fullmatch(text) is None and _converts(text, int)
    return inspect.FloatType in kinds and _FINITE.fullmatch(text) is None and _converts(text, float)


def _converts(text: str, kind: type[int] | type[float]) -> bool:
    try:
        msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True
