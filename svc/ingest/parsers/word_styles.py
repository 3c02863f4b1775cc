"""The styles of a Word document, which determine headings and numbered paragraphs."""

from __future__ import annotations

import re

from lxml import etree

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s*([1-9])$", re.IGNORECASE)
_LONGEST_CHAIN = 10
_BODY_LEVEL = 9


class Styles:
    """The styles of `word/styles.xml`, or none."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, int] = {}
        self._bases: dict[str, str] = {}
        self._numberings: dict[str, etree._Element] = {}
        for style in root.iter("{*}style") if root is not None else ():
            identifier = value_of(style, "styleId")
            self._bases[identifier] = value_of(style.find("{*}basedOn"))
            level = _level(value_of(style.find("{*}name")), style.find("{*}pPr/{*}outlineLvl"))
            if level is not None:
                self._levels[identifier] = level
            numbering = style.find("{*}pPr/{*}numPr")
            if numbering is not None:
                self._numberings[identifier] = numbering

    def level_of(self, paragraph: etree._Element) -> int | None:
        """The level of a heading, 0 for a title; None if the paragraph is not a heading."""
        own = paragraph.find("{*}pPr/{*}outlineLvl")
        if own is not None:
            return _level("", own)
        for style in self._chain(paragraph):
            if style in self._levels:
                return self._levels[style] if self._levels[style] < _BODY_LEVEL else None
            if style not in self._bases and (level := _level(style, None)) is not None:
                return level
        return None

    def numbering_of(self, paragraph: etree._Element) -> etree._Element | None:
        """The element that numbers a paragraph, its own or that of its style."""
        own = paragraph.find("{*}pPr/{*}numPr")
        if own is not None:
            return own
        return next((self._numberings[style] for style in self._chain(paragraph) if style in self._numberings), None)

    def _chain(self, paragraph: etree._Element) -> list[str]:
        chain: list[str] = []
        style = value_of(paragraph.find("{*}pPr/{*}pStyle"))
        while style and style not in chain and len(chain) < _LONGEST_CHAIN:
            chain.append(style)
            style = self._bases.get(style, "")
        return chain


def _level(name: str, outline: etree._Element | None) -> int | None:
    if outline is not None and (value := value_of(outline)).isdigit():
        return int(value) + 1 if int(value) < _BODY_LEVEL else None
    if found := _HEADING.match(name):
        return int(found.group(1))
    return 0 if name.lower() == "title" else None


def value_of(element: etree._Element | None, name: str = "val") -> str:
    """An attribute of an element, whatever its namespace; empty if there is none."""
    if element is None:
        return ""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
