"""Finds the parts of an Office file with damaged references, by their types or their usual names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

_MAIN_NAMES = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")
_TYPE = re.compile(r"(\w+)\+xml$")
_NAME = re.compile(r"(.*?[a-z]|)(\d*)\.\w+")
# The usual names of parts without their numbers, and their kinds.
_KINDS = {
    "styles": "styles", "numbering": "numbering", "footnotes": "footnotes", "endnotes": "endnotes", "header": "header",
    "footer": "footer", "comments": "comments", "comment": "comments", "sharedstrings": "sharedStrings",
    "sheet": "worksheet", "slide": "slide", "notesslide": "notesSlide", "drawing": "drawing", "chart": "chart",
    "threadedcomment": "threadedComment", "vmldrawing": "vmlDrawing",
}  # fmt: skip
_OF_MAIN = (
    "styles", "numbering", "footnotes", "endnotes", "comments", "header", "footer", "sharedStrings", "worksheet",
    "chartsheet", "slide",
)  # fmt: skip
_OF_NUMBERED = {
    "slides": ("notesSlide", "comments"),
    "worksheets": ("drawing", "comments", "threadedComment", "vmlDrawing"),
    "drawings": ("chart",),
}
_LONGEST_NUMBER = 6


def main_kind(names: Sequence[str], types: Mapping[str, str]) -> str | None:
    """The main part of the file, by its type or its usual name."""
    typed = (part for part, type_ in types.items() if type_.endswith(".main+xml") and part in names)
    return next(typed, None) or next((name for name in _MAIN_NAMES if name in names), None)


def part_kinds(part: str, names: Sequence[str], types: Mapping[str, str]) -> list[tuple[str, str]]:
    """The parts that a part usually has, with their kinds, in the order of their numbers.

    All names are in lower case. The main part has those in its folder; a slide, a sheet or a drawing has those with its
    number.
    """
    folder, name = posixpath.split(part)
    above = posixpath.basename(folder)
    numbered = _NAME.fullmatch(name)
    if above in _OF_NUMBERED and numbered:
        kinds, wanted = _OF_NUMBERED[above], numbered.group(2)
        folder = posixpath.dirname(folder)
    else:
        kinds, wanted = _OF_MAIN, None
    found = []
    for each in sorted(names, key=in_order):
        if each.startswith(f"{folder}/") and each != part:
            kind, number = _kind(each, types.get(each, ""))
            if kind in kinds and wanted in (None, number):
                found.append((each, kind))
    return found


def in_order(name: str) -> tuple[str, int, str]:
    """The sort key of parts that have numbers in their names."""
    named = _NAME.fullmatch(posixpath.basename(name).lower())
    folder, number = posixpath.dirname(name), named.group(2) if named else ""
    return folder, int(number) if 0 < len(number) <= _LONGEST_NUMBER else 0, name


def _kind(name: str, type_: str) -> tuple[str, str]:
    """The kind and the number of a part."""
    named = _NAME.fullmatch(posixpath.basename(name))
    number = named.group(2) if named else ""
    typed = _TYPE.search(type_)
    if typed and typed.group(1) in _KINDS.values():
        return typed.group(1), number
    return (_KINDS.get(named.group(1), "") if named else ""), number
