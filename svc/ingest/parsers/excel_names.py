"""The named values of an Excel workbook, such as `TaxRate: 0.19`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree

_MOST_NAMES = 500
_TEXT = re.compile(r'"((?:[^"]|"")*)"')
_NUMBER = re.compile(r"[+-]?\d[\d.]*(?:[Ee][+-]?\d+)?%?")
_LIST = re.compile(r"\{.*\}", re.DOTALL)


def named_values(workbook: etree._Element) -> Iterator[str]:
    """A line for each name of a value, or with a comment. Most names only refer to cells."""
    return islice(_lines(workbook), _MOST_NAMES)


def _lines(workbook: etree._Element) -> Iterator[str]:
    for each in workbook.iterfind("{*}definedNames/{*}definedName"):
        name, comment = each.get("name") or "", " ".join((each.get("comment") or "").split())
        if not name or name.startswith("_xl") or each.get("hidden") in ("1", "true"):
            continue
        source = " ".join((each.text or "").split())[:2_000]
        text = _TEXT.fullmatch(source)
        value = text.group(1).replace('""', '"') if text else source
        if text or comment or _NUMBER.fullmatch(source) or _LIST.fullmatch(source):
            yield f"{name}: {value}{f' ({comment})' if comment else ''}"
