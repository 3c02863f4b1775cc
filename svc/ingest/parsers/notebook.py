"""Jupyter notebooks: the text, the code and its output."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.markdown import markdown_blocks
from svc.ingest.parsers.noise import without_noise
from svc.ingest.parsers.rejections import damaged
from svc.ingest.parsers.text import parse as parse_text
from svc.ingest.unread import numbers

_DEEPEST_HEADING = 6
_OUTPUT_MOST_CHARACTERS = 20_000
_KINDS = ("text/markdown", "text/latex", "text/plain", "text", "application/json", "application/javascript")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

SAMPLE = b'{"cells": [{"cell_type": "markdown", "source": ["# a"]}, {"cell_type": "code", "source": "1"}]}'


def parse(data: bytes) -> ReadDocument:
    """Return the cells in their order, each with its number (`cell`)."""
    text = decode_text(data)
    try:
        notebook = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        document = parse_text(data)
        warning = "The file is not valid JSON; it was read as plain text."
        return ReadDocument(document.text, document.blocks, "", [warning, *document.warnings])
    if not isinstance(notebook, dict):
        raise damaged("notebook")
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # version 3
        cells = [cell for sheet in notebook["worksheets"] for cell in _list(sheet, "cells")]
    metadata = _dict(notebook, "metadata")
    language = _text(_dict(metadata, "language_info").get("name") or _dict(metadata, "kernelspec").get("language"))
    writer = Writer()
    unread: list[int] = []
    others: list[int] = []
    for number, cell in enumerate(cells if isinstance(cells, list) else [], 1):
        if not isinstance(cell, dict):
            others.append(number)
            continue
        writer.place = {"cell": number}
        seen = _write_cell(cell, language, writer)
        unread += [number] if seen.has_image else []
        others += [number] if seen.has_other else []
    writer.place = {}
    if others:
        writer.warn(f"Outputs of types that cannot be read here, of the cells {numbers(others)}.")
    if unread:
        writer.warn(f"Images in cells were not read, of the cells {numbers(unread)}.")
    return writer.document()


class _Unread(NamedTuple):
    """Whether a cell has an image, and whether it has an output of another type that is not read."""

    has_image: bool = False
    has_other: bool = False


def _write_cell(cell: dict[str, Any], language: str, writer: Writer) -> _Unread:
    """Write a cell, and return the kinds of output that were not read."""
    source, kind = _text(cell.get("source", cell.get("input"))), cell.get("cell_type")
    if kind == "code":
        writer.add("code", source, language=language or _text(cell.get("language")))
        seen = [_write_output(output, writer) for output in _list(cell, "outputs")]
        return _Unread(any(each.has_image for each in seen), any(each.has_other for each in seen))
    if kind in ("markdown", "heading"):
        text, warnings = without_noise(clean_text(f"{_marks(cell)} {source}" if kind == "heading" else source))
        blocks, _ = markdown_blocks(text)
        writer.add_blocks(ReadDocument(text, blocks, "", warnings))
        attached = [each for each in _dict(cell, "attachments").values() if isinstance(each, dict)]
        return _Unread(has_image=any(str(type_).startswith("image/") for each in attached for type_ in each))
    writer.add("text", source)
    return _Unread()


def _marks(cell: dict[str, Any]) -> str:
    level = cell.get("level")
    return "#" * (level if isinstance(level, int) and 1 <= level <= _DEEPEST_HEADING else 1)


def _write_output(output: Any, writer: Writer) -> _Unread:
    if not isinstance(output, dict):
        return _Unread()
    data = _dict(output, "data") or output
    is_read = True
    if output.get("output_type") in ("error", "pyerr"):
        writer.add("text", f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}")
        trace = output.get("traceback")
        lines = [each for each in trace if isinstance(each, str)] if isinstance(trace, list) else []
        _write_printed(_COLOURS.sub("", "\n".join(lines)), writer)
    elif html := _text(data.get("text/html") or data.get("html")):
        title = writer.title
        write_html(clean_text(html[:_OUTPUT_MOST_CHARACTERS]), writer)
        writer.title = title
        _warn_of_length(html, writer)
    else:
        printed = next(filter(None, (_text(data.get(kind)) for kind in _KINDS)), "")
        is_read = bool(printed) or not data or data is output
        _write_printed(printed, writer)
    has_image = any(str(kind).startswith("image/") or kind in ("png", "jpeg", "svg") for kind in data)
    return _Unread(has_image, not is_read and not has_image)


def _write_printed(text: str, writer: Writer) -> None:
    _warn_of_length(text, writer)
    writer.add("code", text[:_OUTPUT_MOST_CHARACTERS])


def _warn_of_length(text: str, writer: Writer) -> None:
    if len(text) > _OUTPUT_MOST_CHARACTERS:
        writer.warn(f"Output of more than {_OUTPUT_MOST_CHARACTERS} characters was cut.")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _dict(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
