"""The contents of an Excel 97 sheet other than cells, in records that the library skips: text boxes, charts, edges."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_BOF, _EOF, _CONTINUE = 0x0809, 0x000A, 0x003C
_OBJECT, _TEXT, _CHART_TEXT = 0x005D, 0x01B6, 0x100D
_HEADER, _FOOTER = 0x0014, 0x0015
_COMMENT, _PICTURE = 0x19, 0x08
_MOST_RECORDS = 2_000_000


class Beside(NamedTuple):
    """The texts of shapes and of charts, the headers and footers, and how many pictures and charts there are."""

    texts: list[str]
    edges: list[str]
    pictures: int
    charts: int


def beside_cells(stream: bytes, start: int) -> Beside:
    """Read the records of the sheet that begins at `start`, as far as they go."""
    texts: list[str] = []
    edges: list[str] = []
    pictures = charts = kind = 0
    records = _records(stream, start)
    depth = 0
    for code, data in records:
        if code == _BOF:
            depth += 1
            charts += depth > 1
        elif code == _EOF:
            depth -= 1
            if depth <= 0:
                break
        elif code == _OBJECT and len(data) >= 6:
            kind = struct.unpack_from("<H", data, 4)[0]
            pictures += kind == _PICTURE
        elif code == _TEXT and len(data) >= 12:
            length = struct.unpack_from("<H", data, 10)[0]
            text = _continued(records, length) if length else ""
            texts += [text] if kind != _COMMENT and text.strip() else []
        elif code == _CHART_TEXT and len(data) > 4:
            texts.append(_decoded(data[4:], data[3] & 1, data[2]))
        elif code in (_HEADER, _FOOTER) and len(data) > 3:
            edges.append(_decoded(data[3:], data[2] & 1, struct.unpack_from("<H", data)[0]))
    return Beside(texts, edges, pictures, charts)


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    at = start
    for _ in range(_MOST_RECORDS):
        if at + 4 > len(stream):
            return
        code, length = struct.unpack_from("<HH", stream, at)
        yield code, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _continued(records: Iterator[tuple[int, bytes]], length: int) -> str:
    """The text of a shape, which is in the records that follow, each with its own width of characters."""
    text = ""
    while len(text) < length:
        code, data = next(records, (0, b""))
        if code != _CONTINUE or not data:
            break
        text += _decoded(data[1:], data[0] & 1, length - len(text))
    return text


def _decoded(data: bytes, is_wide: int, length: int) -> str:
    return data[: length * 2].decode("utf-16-le", "replace") if is_wide else data[:length].decode("latin-1")
