"""The codes of values that are too large or too small, as the OpenAI API names them."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from contextlib import suppress

from msgspec import inspect

from svc.fields.phrases import without_metadata


def broken_bound(value: object, alternatives: Iterable[inspect.Type], *, is_text: bool) -> str | None:
    """Return the code of the bound that a value breaks; None if it breaks none.

    `alternatives` are the types that the value can have. `is_text` is for values of query strings and forms.
    """
    return next((code for info in alternatives if (code := _broken(value, without_metadata(info), is_text))), None)


def _broken(value: object, info: inspect.Type, is_text: bool) -> str | None:
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _of_a_number(_number(value, is_text), info)
    if isinstance(info, inspect.StrType) and isinstance(value, str):
        return _of_a_size(value, info, "string")
    if isinstance(info, inspect.ListType) and isinstance(value, list):
        return _of_a_size(value, info, "array")
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        return _of_a_size(value, info, "object")
    return None


def _number(value: object, is_text: bool) -> float | None:
    if is_text and isinstance(value, str):
        with suppress(ValueError):
            return int(value[:20])
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of_a_number(value: float | None, info: inspect.IntType | inspect.FloatType) -> str | None:
    word = "integer" if isinstance(info, inspect.IntType) else "decimal"
    if value is None or (word == "integer" and value != int(value)):
        return None
    if (info.ge is not None and value < info.ge) or (info.gt is not None and value <= info.gt):
        return f"{word}_below_min_value"
    if (info.le is not None and value > info.le) or (info.lt is not None and value >= info.lt):
        return f"{word}_above_max_value"
    return None


def _of_a_size(value: Sized, info: inspect.StrType | inspect.ListType | inspect.DictType, word: str) -> str | None:
    size, unit = len(value), "properties" if word == "object" else "length"
    if info.max_length is not None and size > info.max_length:
        return f"{word}_above_max_{unit}"
    if info.min_length is not None and size < info.min_length:
        return "empty_array" if word == "array" and not size else f"{word}_below_min_{unit}"
    return None
