"""Describes why bytes are not JSON, or which of its numbers nothing can hold, in sentences for the client."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

MAX_EXPLAINED_BYTES = 256 * 2**10
"""Refused JSON of up to this size is decoded again to describe its faults."""

_BYTE = re.compile(r"\(byte (\d+)\)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OUT_OF_RANGE = "out of range"
# The first half of a character beyond the first 65,536, without the second half.
_LONE_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
# Digits of the longest number of 64 bits, with its sign.
_MOST_DIGITS = 20
_SHOWN_CHARACTERS = 80
_WANTED: Final = object()


def json_fault(error: Exception, body: bytes | bytearray) -> str:
    """Return the reason why `body` cannot be read as JSON. `error` is the error of the decoder."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError) or b"\0" in body[:4] or body[:2] in _OTHER_MARKS:
        return "it is not encoded in UTF-8"
    if body.startswith(_BYTE_ORDER_MARK):
        return "it begins with a byte order mark; send UTF-8 without one"
    return _fault_of_value(str(error), body) or _fault_of_syntax(str(error), body)


def is_number_too_large(error: Exception) -> bool:
    """Whether the decoder refused a number since nothing can hold it."""
    return _OUT_OF_RANGE in str(error)


def place_of_no_number(body: bytes | bytearray) -> str | None:
    """Return the path of the first NaN or infinity, which some Python clients write although JSON has neither."""
    return _place(body, parse_constant=lambda _: _WANTED)


def place_of_large_number(body: bytes | bytearray) -> str | None:
    """Return the path of the first number that nothing can hold."""
    return _place(
        body,
        parse_float=lambda text: _WANTED if math.isinf(float(text)) else 0.0,
        parse_int=lambda text: _WANTED if len(text) > _MOST_DIGITS else 0,
    )


def _fault_of_value(error: str, body: bytes | bytearray) -> str | None:
    if _OUT_OF_RANGE in error:
        return "a number in it is too large; send it as a string"
    # The decoder says of half a character near the end that the end is missing.
    is_half = "surrogate" in error or "hex escape" in error
    if is_half or (_BYTE.search(error) is None and _LONE_HALF.search(body, 0, MAX_EXPLAINED_BYTES)):
        return "a string in it has half of a character, such as \\ud800 without the half that follows it"
    return None


def _fault_of_syntax(error: str, body: bytes | bytearray) -> str:
    place = _BYTE.search(error)
    if place is None:
        return "it ends too early" if body[:MAX_EXPLAINED_BYTES].strip() else "it is empty"
    end = int(place[1])
    line, byte = body.count(b"\n", 0, end) + 1, end - body.rfind(b"\n", 0, end)
    return f"line {line} has a syntax error at byte {byte}"


def _place(body: bytes | bytearray, **parsers: Callable[[str], Any]) -> str | None:
    """Return the path of the first value that a parser has found to be the wanted one."""
    if len(body) > MAX_EXPLAINED_BYTES:
        return None
    try:
        value = json.loads(body, **parsers)  # type: ignore[arg-type]
    except (ValueError, RecursionError):
        return None
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, value = stack.pop()
        if value is _WANTED:
            return path
        # A path that is too long to be shown is not continued, since its length would multiply with its members.
        path = path[: _SHOWN_CHARACTERS + 1]
        if isinstance(value, dict):
            stack += [(f"{path}.{name}".lstrip("."), item) for name, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(f"{path}[{index}]", value[index]) for index in reversed(range(len(value)))]
    return None
