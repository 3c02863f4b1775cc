"""Describes why msgspec refused a value, in sentences for the client: every fault, with its field.

msgspec stops at the first fault and describes it for Python programmers ("Expected `str` of length >= 1"). After it has
refused a value, this module compares the value with the type again and describes each difference.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect
from msgspec.structs import FieldInfo

from svc.errors import InvalidFieldsError, InvalidRequestError
from svc.field_faults import FieldFault, MissingField, UnknownField, WrongType, WrongValue, fault_with
from svc.fields.bounds import broken_bound
from svc.fields.json_faults import MAX_EXPLAINED_BYTES, is_number_too_large, place_of_large_number
from svc.fields.phrases import expectation, without_metadata
from svc.fields.values import MAX_SHOWN_CHARACTERS, NUMBER_RANGE, shortened

T = TypeVar("T")

MAX_FAULTS = 20
"""The most faults described. A value with more usually has the same fault in many places."""

WHOLE = "(body)"
"""The field of a fault of the whole value."""

# msgspec writes the path as: "Expected `int`, got `str` - at `$.limit`"
_PLACE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
# How it writes a member of an object whose names are free.
_UNNAMED = "[...]"
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[[^\]]*\]")
_NAMED = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")
# The types that JSON writes as strings. For other types, the fault says that a string is the wrong kind of value.
_WRITTEN_AS_TEXT = (
    inspect.StrType, inspect.UUIDType, inspect.DateTimeType, inspect.DateType, inspect.LiteralType, inspect.BytesType,
)  # fmt: skip
# The types that JSON writes as each kind of value; `bool` precedes `int`, which it is in Python.
_KINDS: Final[dict[type, tuple[type, ...]]] = {
    str: _WRITTEN_AS_TEXT,
    bool: (inspect.BoolType,),
    int: (inspect.IntType, inspect.FloatType),
    float: (inspect.FloatType,),
    list: (inspect.ListType,),
    dict: (inspect.DictType, inspect.StructType),
}


class Faults:
    """Collects the wrong fields of a request, so that one answer names all of them."""

    def __init__(self) -> None:
        self._faults: list[FieldFault] = []

    def check(self, check: Callable[[T, str], None], value: T | msgspec.UnsetType | None, field: str) -> None:
        """Run a check of a field and collect its InvalidRequestError. A null or omitted field is not checked."""
        if value is None or isinstance(value, msgspec.UnsetType):
            return
        try:
            check(value, field)
        except InvalidRequestError as error:
            self._faults += error.faults

    def raise_if_any(self) -> None:
        """Refuse the request if a check found a fault.

        Raises:
            InvalidFieldsError: names every wrong field.
        """
        if self._faults:
            raise InvalidFieldsError(self._faults[:MAX_FAULTS])


def faults_of(value: object, type_: Any, *, is_text: bool = False) -> list[FieldFault]:
    """Return the faults of `value` as a `type_`, at most `MAX_FAULTS`; an empty list if there is no difference.

    `is_text` is for query strings and forms, whose values are text and never null.
    """
    return list(islice(_faults(value, type_, "", is_text), MAX_FAULTS))


def faults_of_json(body: bytes | bytearray, type_: Any, error: msgspec.ValidationError) -> list[FieldFault]:
    """Return the faults of JSON that msgspec refused as a `type_` with this error; at least one."""
    found: list[FieldFault] = []
    if len(body) <= MAX_EXPLAINED_BYTES:
        if is_number_too_large(error) and _UNNAMED in str(error) and (place := place_of_large_number(body)):
            return [
                WrongValue(shown_field(place), f"{shown_field(place)} {NUMBER_RANGE}; send a larger one as a string")
            ]
        # Some JSON cannot be decoded without the type either, for example a number too large for a float.
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = faults_of(msgspec.json.decode(body), type_)
    return found or [fault_without_value(error, type_)]


def fault_without_value(error: msgspec.ValidationError, type_: Any) -> FieldFault:
    """Return the fault that msgspec found in a value that cannot be decoded again, such as a number beyond a float."""
    place = _PLACE.search(str(error))
    path = place["path"] if place else ""
    for step in _STEP.finditer(path):
        type_ = _member_type(type_, step["name"])
    path = path.lstrip(".").replace(_UNNAMED, "")
    if is_number_too_large(error):
        return _wrong(path, type_, "; a number in it is too large" if _UNNAMED in str(error) else "; it is too large")
    if named := _NAMED.match(str(error)):
        field = shown_field(f"{path}.{named['name']}".lstrip("."))
        is_missing = "missing" in named[0]
        return FieldFault(field, f"{field} is required" if is_missing else f"there is no field {field}; omit it")
    return _wrong(path, type_)


def null_fault(field: FieldInfo) -> FieldFault:
    """Return the fault of a query parameter whose text is `null`."""
    return FieldFault(field.encode_name, f"{field.encode_name} must be {expectation(field.type)}, not null; omit it")


def _faults(value: object, type_: Any, path: str, is_text: bool) -> Iterator[FieldFault]:
    """Yield every fault of `value`, each with its innermost path."""
    if _fits(value, type_, is_text):
        return
    if isinstance(value, dict) and (struct := _struct_of(type_, value)) is not None:
        yield from _faults_of_members(value, struct, path, is_text)
    elif isinstance(value, dict) and (tags := _tags_of(type_)):
        field = shown_field(f"{path}.{tags[0]}".lstrip("."))
        tag_fault = WrongValue if tags[0] in value else MissingField
        yield tag_fault(field, f"{field} must be one of {', '.join(tags[1])}, not {value.get(tags[0])!r:.80}")
    elif (
        isinstance(value, list) and (list_ := _list_of(type_)) is not None and _fits([None] * len(value), _sized(list_))
    ):
        for index, item in enumerate(value):
            yield from _faults(item, get_args(_bare(list_))[0], f"{path}[{index}]", is_text)
    elif isinstance(value, dict) and (wrong := _faults_of_values(value, type_, path, is_text)):
        yield from wrong
    else:
        fault = _kind_of_fault(value, type_, is_text) if is_text or _is_of_kind(value, type_) else WrongType
        yield _wrong(path, type_, _difference(value, type_, is_text), fault)


def _faults_of_values(value: dict[str, Any], type_: Any, path: str, is_text: bool) -> list[FieldFault]:
    """Return the faults of the names and of the values of an object of any names."""
    dicts = [one for one in map(_bare, _members(type_)) if get_origin(one) is dict]
    found: list[FieldFault] = []
    for name, item in value.items() if dicts else ():
        name_type, item_type = get_args(dicts[0])
        place = f"{path}.{name}".lstrip(".")
        if not _fits(name, name_type):
            field = shown_field(place)
            fault = _kind_of_fault(name, name_type, is_text)
            found.append(fault(field, f"the name of {field} must be {expectation(name_type)}"))
        found += _faults(item, item_type, place, is_text)
    return found


def _faults_of_members(
    value: dict[str, Any], struct: type[msgspec.Struct], path: str, is_text: bool
) -> Iterator[FieldFault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name, field in fields.items():
        place = f"{path}.{name}".lstrip(".")
        if name in value:
            yield from _faults(value[name], field.type, place, is_text)
        elif field.required:
            shown = shown_field(place)
            yield MissingField(shown, f"{shown} is required: {expectation(field.type)}")
    if struct.__struct_config__.forbid_unknown_fields:
        for name in sorted(value.keys() - fields.keys() - {struct.__struct_config__.tag_field}):
            yield _unknown(shown_field(f"{path}.{name}".lstrip(".")), name, list(fields), is_text)


def _unknown(field: str, name: str, known: list[str], is_text: bool) -> FieldFault:
    kind = "parameter" if is_text else "field"
    if not name:
        return UnknownField(field, f"a {kind} has no name; omit it")
    if not known:
        return UnknownField(field, f"there is no {kind} {field}; this route takes none")
    close = difflib.get_close_matches(name[:MAX_SHOWN_CHARACTERS], known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the {kind}s here are {', '.join(known)}"
    return UnknownField(field, f"there is no {kind} {field}; {hint}")


def _fits(value: object, type_: Any, is_text: bool = False) -> bool:
    try:
        msgspec.convert(value, type_, strict=not is_text)
    except msgspec.ValidationError:
        return False
    return True


def _wrong(path: str, type_: Any, difference: str = "", fault: type[FieldFault] = WrongValue) -> FieldFault:
    field = shown_field(path)
    subject = "the body" if field == WHOLE else field
    return fault(field, f"{subject} must be {expectation(type_)}{difference}")


def shown_field(path: str) -> str:
    """Return the path of a field for messages, shortened, since a client can send a name of any length."""
    return shortened(path) or WHOLE


def _difference(value: Any, type_: Any, is_text: bool) -> str:
    """Describe how the value differs, for the end of the sentence. A string is not repeated, since it may be long."""
    wanted = [without_metadata(one) for one in _alternatives(inspect.type_info(type_))]
    if isinstance(value, str):
        if any(isinstance(one, inspect.StrType) and one.pattern is None for one in wanted):
            return f"; it has {len(value):,}"
        is_kind = is_text or any(isinstance(one, _WRITTEN_AS_TEXT) for one in wanted)
        return "" if is_kind else ", not a string"
    if isinstance(value, list):
        return (
            f"; it has {len(value):,}" if any(isinstance(one, inspect.ListType) for one in wanted) else ", not a list"
        )
    if isinstance(value, bool) or value is None:
        return f", not {msgspec.json.encode(value).decode()}"
    if isinstance(value, int | float):
        return f", not {value}" if abs(value) < 1e15 else ", not a number of this size"
    return f"; it has {len(value):,}" if any(isinstance(one, inspect.DictType) for one in wanted) else ", not an object"


def _is_of_kind(value: object, type_: Any) -> bool:
    """Whether one of the alternatives of a type is written as values like this one are."""
    wanted = [without_metadata(one) for one in _alternatives(inspect.type_info(type_))]
    kinds = next((kinds for python, kinds in _KINDS.items() if isinstance(value, python)), (inspect.NoneType,))
    return any(isinstance(one, kinds) for one in wanted)


def _kind_of_fault(value: object, type_: Any, is_text: bool) -> type[FieldFault]:
    """Return the fault of a value that is of the right kind."""
    code = broken_bound(value, _alternatives(inspect.type_info(type_)), is_text=is_text)
    return WrongValue if code is None else fault_with(code)


def _alternatives(info: inspect.Type) -> tuple[inspect.Type, ...]:
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def _members(type_: Any) -> list[Any]:
    """Return the types of a union, each with its constraints, or `type_` itself if it is not a union."""
    return list(get_args(type_)) if get_origin(type_) in (Union, types.UnionType) else [type_]


def _bare(type_: Any) -> Any:
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def _struct_of(type_: Any, value: dict[str, Any]) -> type[msgspec.Struct] | None:
    """Return the struct that an object is meant to be; in a union, the one with the tag of the object."""
    for one in map(_bare, _members(type_)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            config = one.__struct_config__
            if config.tag_field is None or value.get(config.tag_field) == config.tag:
                return one
    return None


def _tags_of(type_: Any) -> tuple[str, list[str]] | None:
    """Return the field that distinguishes the structs of a union, and its values."""
    configs = [one.__struct_config__ for one in map(_bare, _members(type_)) if hasattr(one, "__struct_config__")]
    field = next((config.tag_field for config in configs), None)
    return None if field is None else (field, [str(config.tag) for config in configs])


def _list_of(type_: Any) -> Any:
    return next((one for one in _members(type_) if get_origin(_bare(one)) is list), None)


def _sized(list_: Any) -> Any:
    """Return the type of a list of any items, with the same limits of size."""
    return Annotated[list[Any], *get_args(list_)[1:]] if get_origin(list_) is Annotated else list[Any]


def _member_type(type_: Any, name: str | None) -> Any:
    """Return the type of a member of an object or, without a name, of an item of a list; if unknown, `type_`."""
    if name is None:
        list_ = _list_of(type_)
        return type_ if list_ is None else get_args(_bare(list_))[0]
    structs = [one for one in map(_bare, _members(type_)) if hasattr(one, "__struct_fields__")]
    fields: list[FieldInfo] = [field for struct in structs for field in msgspec.structs.fields(struct)]
    return next((field.type for field in fields if field.encode_name == name), type_)
