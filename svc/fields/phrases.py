"""Describes types in phrases for messages: `an integer from 1 to 100`."""

from __future__ import annotations

from typing import Any

from msgspec import inspect


def expectation(type_: Any) -> str:
    """Describe a value of this type in a phrase: `an integer from 1 to 100`."""
    return _phrase(inspect.type_info(type_))


def without_metadata(info: inspect.Type) -> inspect.Type:
    """Return the type inside an annotation, which carries its description or form."""
    return info.type if isinstance(info, inspect.Metadata) else info


def _phrase(info: inspect.Type) -> str:
    if isinstance(info, inspect.UnionType) and any(
        isinstance(one, inspect.StructType) and one.tag for one in info.types
    ):
        return "a JSON object of a known kind"
    if isinstance(info, inspect.UnionType):
        # Null is not mentioned: it means the same as omitting the field, and a query string cannot contain it.
        return " or ".join(_phrase(one) for one in info.types if not isinstance(one, inspect.NoneType))
    form = (info.extra or {}).get("form") if isinstance(info, inspect.Metadata) else None
    if form is not None:
        return str(form)
    info = without_metadata(info)
    match info:
        case inspect.StrType():
            phrase = "a string" + _size(info.min_length, info.max_length, "character")
        case inspect.IntType():
            phrase = "an integer" + _range(info.ge, info.le)
        case inspect.FloatType():
            phrase = "a number" + _range(info.ge, info.le)
        case inspect.LiteralType():
            values = ", ".join(f'"{value}"' for value in info.values)
            phrase = f"one of {values}" if len(info.values) > 1 else values
        case inspect.ListType() | inspect.SetType():
            phrase = "a list" + _size(info.min_length, info.max_length, _item(info.item_type))
        case inspect.DictType(max_length=int()):
            phrase = "a JSON object" + _size(info.min_length, info.max_length, "member")
        case _:
            phrase = next((phrase for kind, phrase in _PHRASES if isinstance(info, kind)), "another value; see /docs")
    return phrase


_PHRASES: tuple[tuple[type[inspect.Type], str], ...] = (
    (inspect.UUIDType, "a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057"),
    (inspect.DateTimeType, "a timestamp with its offset from UTC, such as 2027-01-31T12:00:00Z"),
    (inspect.DateType, "a date, such as 2027-01-31"),
    (inspect.BytesType, "bytes in base64"),
    (inspect.BoolType, "true or false"),
    (inspect.DictType, "a JSON object"),
    (inspect.StructType, "a JSON object"),
)


def _item(info: inspect.Type) -> str:
    names: tuple[tuple[type[inspect.Type], str], ...] = (
        (inspect.UUIDType, "UUID"), (inspect.StructType, "object"), (inspect.FloatType, "number"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(without_metadata(info), kind)), "item")


def _size(least: int | None, most: int | None, unit: str) -> str:
    """Describe a size, such as ` of 1 to 255 characters`."""
    if least is None and most is None:
        return f" of {unit}s" if unit != "character" else ""
    if most is None:
        return f" of at least {least:,} {unit}{'' if least == 1 else 's'}"
    return f" of {least:,} to {most:,} {unit}s" if least else f" of at most {most:,} {unit}s"


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f" of at least {least}"
    return "" if most is None else f" of at most {most}"
