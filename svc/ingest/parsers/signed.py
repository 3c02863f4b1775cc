"""The content of a signature that wraps the signed data (CMS, RFC 5652)."""

from __future__ import annotations

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_DATA = bytes.fromhex("2a864886f70d010701")
_SEQUENCE, _SET, _OID, _OCTETS, _OCTETS_IN_PARTS, _EXPLICIT = 0x30, 0x31, 0x06, 0x04, 0x24, 0xA0
_LONGEST_LENGTH = 4
_DEEPEST = 10

Element = tuple[int, bytes]
"""A tag, and the content."""


def signed_content(data: bytes) -> bytes:
    """Return the signed bytes; empty if there are none, as in an encrypted message."""
    try:
        wrapped = _elements(_only(_elements(data), _SEQUENCE))
        if wrapped[0] != (_OID, _SIGNED_DATA):
            return b""
        signed = _elements(_only(_elements(_only(wrapped[1:], _EXPLICIT)), _SEQUENCE))
        content = _elements(_only(signed, _SEQUENCE))
        return _octets(_elements(_only(content[1:], _EXPLICIT)), 0) if content[0] == (_OID, _DATA) else b""
    except (IndexError, ValueError):
        return b""


def _only(elements: list[Element], tag: int) -> bytes:
    return next((content for each, content in elements if each == tag), b"")


def _octets(elements: list[Element], depth: int) -> bytes:
    """The bytes of a string that may be written in parts."""
    if depth > _DEEPEST:
        raise ValueError
    return b"".join(
        content if tag == _OCTETS else _octets(_elements(content), depth + 1)
        for tag, content in elements
        if tag in (_OCTETS, _OCTETS_IN_PARTS)
    )


def _elements(data: bytes) -> list[Element]:
    """The elements that follow each other."""
    found: list[Element] = []
    at = 0
    while at + 1 < len(data):
        tag = data[at]
        if tag == 0:
            break
        start, end, after = _extent(data, at)
        if after > len(data):
            raise ValueError("cut off")
        found.append((tag, data[start:end]))
        at = after
    return found


def _extent(data: bytes, at: int) -> tuple[int, int, int]:
    """Where the content of an element begins and ends, and where the next one begins."""
    depth = 0
    first = -1
    while True:
        length, start = data[at + 1], at + 2
        if length == 0x80:  # until two zeros
            depth += 1
            first = start if first < 0 else first
            at = start
            if depth > _DEEPEST:
                raise ValueError
            continue
        if length > 0x80:
            size = length & 0x7F
            if size > _LONGEST_LENGTH:
                raise ValueError
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        if not depth:
            return start, start + length, start + length
        if data[at] == 0 and length == 0:
            depth -= 1
            if not depth:
                return first, at, start
        at = start + length
