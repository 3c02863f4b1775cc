"""The numbers of list items and headings in a Word document, which Word computes when it shows them."""

from __future__ import annotations

import re
from collections import defaultdict

from lxml import etree

from svc.ingest.parsers.numerals import roman
from svc.ingest.parsers.word_styles import Styles, value_of

_LEVELS = 9
_BULLET = "-"
_PLACE = re.compile(r"%([1-9])")


class _Level:
    def __init__(self, element: etree._Element) -> None:
        self.format = value_of(element.find("{*}numFmt")) or "decimal"
        self.text = value_of(element.find("{*}lvlText"))
        start = value_of(element.find("{*}start"))
        self.start = int(start) if start.isdigit() and len(start) < 6 else 1


class Numbering:
    """Counts the items of the lists of `word/numbering.xml` in the order of the document."""

    def __init__(self, root: etree._Element | None) -> None:
        self._lists: dict[str, tuple[str, dict[int, _Level]]] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        if root is None:
            return
        abstract = {
            value_of(each, "abstractNumId"): {_index(level): _Level(level) for level in each.iterchildren("{*}lvl")}
            for each in root.iterchildren("{*}abstractNum")
        }
        for number in root.iterchildren("{*}num"):
            identifier, base = value_of(number, "numId"), value_of(number.find("{*}abstractNumId"))
            levels = dict(abstract.get(base, {}))
            overrides = list(number.iterchildren("{*}lvlOverride"))
            for override in overrides:
                self._override(levels, override)
            # Lists with the same definition continue each other, unless one has its own start.
            self._lists[identifier] = (f"{base}/{identifier}" if overrides else base, levels)

    def marker_of(self, paragraph: etree._Element, styles: Styles) -> str:
        """The number or the bullet of the next item; empty if the paragraph is not an item."""
        numbered = styles.numbering_of(paragraph)
        if numbered is None:
            return ""
        identifier = value_of(numbered.find("{*}numId"))
        if identifier == "0":  # This removes the numbering of a style.
            return ""
        level = min(_index(numbered.find("{*}ilvl"), "val"), _LEVELS - 1)
        key, levels = self._lists.get(identifier, ("", {}))
        if level not in levels:
            return _BULLET
        counts = self._counts[key]
        counts[level] = counts.get(level, levels[level].start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        shown = levels[level]
        if shown.format in ("bullet", "none") or "%" not in shown.text:
            return _BULLET if shown.format == "bullet" else shown.text
        return _PLACE.sub(lambda found: _number(int(found.group(1)) - 1, counts, levels), shown.text).strip()

    @staticmethod
    def _override(levels: dict[int, _Level], override: etree._Element) -> None:
        index = _index(override)
        own, start = override.find("{*}lvl"), value_of(override.find("{*}startOverride"))
        if own is not None:
            levels[index] = _Level(own)
        elif index in levels and start.isdigit() and len(start) < 6:
            copy = _Level.__new__(_Level)
            copy.format, copy.text, copy.start = levels[index].format, levels[index].text, int(start)
            levels[index] = copy


def _number(level: int, counts: dict[int, int], levels: dict[int, _Level]) -> str:
    if level not in levels:
        return ""
    number = counts.get(level, levels[level].start)
    match levels[level].format:
        case "lowerLetter" | "upperLetter" as case if number > 0:
            letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
            return letters if case == "lowerLetter" else letters.upper()
        case "lowerRoman" | "upperRoman" as case if 0 < number < 4000:
            return roman(number) if case == "lowerRoman" else roman(number).upper()
        case "decimalZero":
            return f"{number:02}"
    return str(number)


def _index(element: etree._Element | None, name: str = "ilvl") -> int:
    value = value_of(element, name)
    return int(value) if value.isdigit() and len(value) < 3 else 0
