"""JSON: each value with the path of names to it; JSON Lines: record by record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.noise import without_noise
from svc.ingest.parsers.text import parse as parse_text

_RECORDS_A_BLOCK = 500
_DEEPEST = 60


class _Members(list[tuple[str, Any]]):
    """The members of an object, including those with repeated names."""


# Numbers keep their written form, whatever their size.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_Members, parse_float=str, parse_int=str, parse_constant=str, strict=False
)
_SPACE = re.compile(r"[\s\x1e]*")  # RFC 7464 puts a separator before each record

SAMPLE = b'{"a": ["\\u00fc", 1, null]}'


def parse(data: bytes) -> ReadDocument:
    """Return a line `name: value` for each value, and a blank line between the records of a list."""
    text = decode_text(data)
    writer = Writer()
    try:
        records, unread = _records(text)
    except (ValueError, RecursionError):
        document = parse_text(data)
        warning = "The file is not valid JSON; it was read as plain text."
        return ReadDocument(document.text, document.blocks, "", [warning, *document.warnings])
    waiting: list[str] = []
    for record in records:
        described, warnings = without_noise(clean_text("\n".join(_lines(record, "", 0))))
        for warning in warnings:
            writer.warn(warning)
        waiting.append(described)
        if len(waiting) == _RECORDS_A_BLOCK:
            writer.add("records", "\n\n".join(filter(None, waiting)))
            waiting.clear()
    writer.add("records", "\n\n".join(filter(None, waiting)))
    if unread:
        shown = ", ".join(map(str, unread[:5])) + (", …" if len(unread) > 5 else "")
        writer.warn(f"Lines that are not valid JSON were read as plain text: {shown}.")
    return writer.document()


def _records(text: str) -> tuple[list[Any], list[int]]:
    """The items of a list or of lines, and the numbers of the lines that are not JSON."""
    try:
        whole = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        sequence = _records_in_sequence(text)
        return (sequence, []) if sequence else _records_of_lines(text)
    return (whole, []) if isinstance(whole, list) and not isinstance(whole, _Members) else ([whole], [])


def _records_in_sequence(text: str) -> list[Any]:
    """The consecutive values, each on any number of lines; none if there is anything else."""
    records: list[Any] = []
    at = _end_of_space(text, 0)
    try:
        while at < len(text):
            record, at = _DECODER.raw_decode(text, at)
            records.append(record)
            at = _end_of_space(text, at)
    except (ValueError, RecursionError):
        return []
    return records


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _records_of_lines(text: str) -> tuple[list[Any], list[int]]:
    records: list[Any] = []
    unread: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            records.append(_DECODER.decode(line.strip()))
        except (ValueError, RecursionError):
            records.append(line.strip())
            unread.append(number)
            if len(unread) > len(records) // 2 + 10:
                raise
    if len(unread) * 2 > len(records):
        raise ValueError
    return records, unread


def _lines(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:  # deeper levels have no names
        if words := ", ".join(_leaves(value)):
            yield f"{path}: {words}"
    elif value is None or value in ("", [], _Members()):
        if path:  # A name without a value is also information, such as that nothing was deleted.
            yield f"{path}: {json.dumps({} if isinstance(value, _Members) else value)}"
    elif isinstance(value, _Members):
        for name, inner in value:
            yield from _lines(inner, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        if all(isinstance(each, str | float | bool | None) for each in value):
            yield from _lines(", ".join(_shown(each) for each in value), path, depth + 1)
            return
        for number, inner in enumerate(value, 1):
            yield from _lines(inner, f"{path}[{number}]", depth + 1)
    else:
        yield f"{path}: {_shown(value)}" if path else _shown(value)


def _leaves(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _Members):
            waiting += [inner for _, inner in reversed(each)]
        elif isinstance(each, list):
            waiting += reversed(each)
        elif each is not None and each != "":
            yield _shown(each)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)
