"""Divides JSON that contains a long list of objects, so that each object can be decoded by itself.

A decoder of whole documents holds the interpreter's lock from the first byte to the last. Here a scan finds where the
objects of the list begin and end, in steps of some kilobytes, and the rest of the document is small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from svc.errors import MalformedRequestError, TooLargeError
from svc.fields.long_text import MAX_REST_BYTES

_STEP_BYTES = 512 * 2**10
"""The longest string in the list: one of 32,768 characters that are written as two escapes each has 384 KiB."""

MAX_ITEM_BYTES = 2**20
"""The longest object in the list, which is decoded as a whole."""

_TOKEN = re.compile(rb'"(?>[^"\\]++|\\.)*+"|[\[\]{}]|[^"\[\]{}]++', re.DOTALL)
_SPACE = b" \t\r\n"
_STEPS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_BROKEN = "the body cannot be read as JSON: the list {name} is not valid"


class LongList(NamedTuple):
    """The document with an empty list instead of the long one, and the positions of the long list's objects."""

    rest: bytes
    items: list[tuple[int, int]]


def begins_list(data: bytes | bytearray, name: str) -> bool:
    """Return whether the beginning of a document shows that its member `name` is a list."""
    try:
        return _list_start(_tokens(data, name), name) is not None
    except TooLargeError:
        # A long text comes first.
        return False


def divide(data: bytes | bytearray, name: str, max_items: int) -> LongList:
    """Divide a document whose member `name` is a list of objects.

    Raises:
        MalformedRequestError: the list is not closed, or contains something else than objects.
        TooLargeError: it has more than `max_items` objects, an object is long, or the rest of the document is.
    """
    tokens = _tokens(data, name)
    start = _list_start(tokens, name)
    if start is None:
        raise MalformedRequestError(_BROKEN.format(name=name))
    items: list[tuple[int, int]] = []
    depth, begun = 0, 0
    expected: tuple[bytes, ...] = (b"{", b"]")  # the characters allowed between the objects
    for place, token in tokens:
        if depth == 0:
            word = token.strip(_SPACE)
            if not word:
                continue
            if word not in expected:
                break
            if word == b"]":
                return LongList(_rest(data, start, place, name), items)
            if word == b",":
                expected = (b"{",)
                continue
            begun = place
        elif place - begun > MAX_ITEM_BYTES:
            raise TooLargeError(f"{name}[{len(items)}] has more than {MAX_ITEM_BYTES:,} bytes")
        depth += _STEPS.get(token, 0)
        if depth == 0:
            items.append((begun, place + 1))
            expected = (b",", b"]")
        if len(items) > max_items:
            raise TooLargeError(f"{name} has more than {max_items:,} items, the maximum")
    raise MalformedRequestError(_BROKEN.format(name=name))


def _rest(data: bytes | bytearray, start: int, end: int, name: str) -> bytes:
    rest = bytes(data[:start]) + bytes(data[end : end + MAX_REST_BYTES + 1])
    if len(rest) > MAX_REST_BYTES:
        raise TooLargeError(f"the body has more than {MAX_REST_BYTES:,} bytes besides {name}")
    return rest


def _list_start(tokens: Iterator[tuple[int, bytes]], name: str) -> int | None:
    """Advance to the list that is the value of the member `name` of the document; where it begins, behind `[`."""
    depth, key, is_value = 0, b"", False
    wanted = b'"%s"' % name.encode()
    for place, token in tokens:
        if token == b"[" and depth == 1 and is_value and key == wanted:
            return place + 1
        if token in _STEPS:
            depth += _STEPS[token]
        elif depth == 1 and token.startswith(b'"'):
            if not is_value:
                key = token
        elif depth == 1:
            # Between the strings and lists of an object: the colon after a key, the comma after a value.
            is_value = token.rstrip(_SPACE).endswith(b":") if token.strip(_SPACE) else is_value
    return None


def _tokens(data: bytes | bytearray, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield strings, brackets, and the text between them, each with its place."""
    place = 0
    while place < len(data):
        found = _TOKEN.match(data, place, place + _STEP_BYTES)
        if found is None:
            if len(data) - place <= _STEP_BYTES:
                return  # a string that does not end
            raise TooLargeError(f"a string in the list {name} has more than {_STEP_BYTES:,} bytes")
        yield place, found[0]
        place = found.end()
