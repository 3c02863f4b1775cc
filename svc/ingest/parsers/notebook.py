"""Jupyter notebooks: the text, the code, and what the code printed."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.markdown import markdown_blocks
from svc.ingest.parsers.noise import without_noise
from svc.ingest.parsers.rejections import damaged
from svc.ingest.unread import numbers

_OUTPUT_MOST_CHARACTERS = 20_000
_KINDS = ("text/markdown", "text/latex", "text/plain", "text", "application/json", "application/javascript")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

SAMPLE = b'{"cells": [{"cell_type": "markdown", "source": ["# a"]}, {"cell_type": "code", "source": "1"}]}'


def parse(data: bytes) -> ReadDocument:
    """Return the cells in their order, each with its number (`cell`)."""
    try:
        notebook = msgspec.json.decode(decode_text(data))
    except (msgspec.DecodeError, RecursionError) as error:
        raise damaged("notebook") from error
    if not isinstance(notebook, dict):
        raise damaged("notebook")
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # version 3
        cells = [cell for sheet in notebook["worksheets"] for cell in _list(sheet, "cells")]
    language = _text(_dict(_dict(notebook, "metadata"), "language_info").get("name"))
    writer = Writer()
    unread: list[int] = []
    for number, cell in enumerate(cells if isinstance(cells, list) else [], 1):
        if isinstance(cell, dict):
            writer.place = {"cell": number}
            if _write_cell(cell, language, writer):
                unread.append(number)
    writer.place = {}
    if unread:
        writer.warn(f"Images in cells were not read, of the cells {numbers(unread)}.")
    return writer.document()


def _write_cell(cell: dict[str, Any], language: str, writer: Writer) -> bool:
    """Write a cell, and return whether it has an image that is not read."""
    source, kind = _text(cell.get("source", cell.get("input"))), cell.get("cell_type")
    if kind == "code":
        writer.add("code", source, language=language)
        return sum(_write_output(output, writer) for output in _list(cell, "outputs")) > 0
    if kind in ("markdown", "heading"):
        text, warnings = without_noise(clean_text(f"# {source}" if kind == "heading" else source))
        blocks, _ = markdown_blocks(text)
        writer.add_blocks(ReadDocument(text, blocks, "", warnings))
        return any(
            str(type_).startswith("image/")
            for each in _dict(cell, "attachments").values()
            if isinstance(each, dict)
            for type_ in each
        )
    writer.add("text", source)
    return False


def _write_output(output: Any, writer: Writer) -> bool:
    if not isinstance(output, dict):
        return False
    data = _dict(output, "data") or output
    if output.get("output_type") == "error":
        writer.add("text", f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}")
        trace = output.get("traceback")
        lines = [each for each in trace if isinstance(each, str)] if isinstance(trace, list) else []
        _write_printed(_COLOURS.sub("", "\n".join(lines)), writer)
    elif html := _text(data.get("text/html")):
        title = writer.title
        write_html(clean_text(html[:_OUTPUT_MOST_CHARACTERS]), writer)
        writer.title = title
        _warn_of_length(html, writer)
    else:
        _write_printed(next(filter(None, (_text(data.get(kind)) for kind in _KINDS)), ""), writer)
    return any(str(kind).startswith("image/") or kind in ("png", "jpeg", "svg") for kind in data)


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
