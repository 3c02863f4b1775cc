"""Finds a name that a JSON object has twice: decoders keep one of the two values, and no client can know which."""

from __future__ import annotations

import re

import msgspec

from svc.errors import InvalidFieldsError
from svc.field_faults import FieldFault
from svc.fields.validation import shown_field

_TOKEN = re.compile(rb'"((?>[^"\\]++|\\.)*+)"([ \t\r\n]*+:)?|[{}]', re.DOTALL)
_OPEN, _CLOSE = b"{", b"}"
# What has more is refused for its size.
_MOST_NAMES = 100_000


def check_names(content: bytes | bytearray, place: str = "") -> None:
    """Refuse JSON in which an object has a name twice. `content` is valid JSON, and the value of the field `place`.

    Raises:
        InvalidFieldsError: it does; names the field.
    """
    name = repeated_name(content)
    if name is not None:
        raise InvalidFieldsError([repeated_fault(f"{place}.{name}".lstrip("."))])


def repeated_fault(field: str) -> FieldFault:
    """Return the fault of a field that an object has twice."""
    shown = shown_field(field)
    return FieldFault(shown, f"{shown} is sent twice in one object; send it once")


def repeated_name(content: bytes | bytearray) -> str | None:
    """Return the path of the first name that an object in `content`, which is valid JSON, has twice; None: there is
    none. The path has no indexes of lists."""
    names: set[bytes] = set()
    name, count = b"", 0
    outside: list[tuple[set[bytes], bytes]] = []
    for token in _TOKEN.finditer(content):
        text, is_name = token.groups()
        if is_name is not None:
            count += 1
            name = msgspec.json.decode(b'"' + text + b'"', type=str).encode() if b"\\" in text else text
            if name in names:
                return shown_field(
                    ".".join(
                        [*(outer.decode(errors="replace") for _, outer in outside[1:]), name.decode(errors="replace")]
                    )
                )
            if count > _MOST_NAMES:
                return None
            names.add(name)
        elif text is not None:
            continue
        elif token[0] == _OPEN:
            outside.append((names, name))
            names = set()
        else:
            names, name = outside.pop()
    return None
