"""Changes the source of a page before it is parsed, where the parser would lose text."""

from __future__ import annotations

import re
from html import escape

from svc.ingest.parsers.markup_parts import BLOCKS

_CHARACTER_DATA = re.compile(
    r"<(script|style)\b[^<>]*(?<!/)>.*?</\1\s*>|<!--.*?-->|<!\[CDATA\[(.*?)\]\]>", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"</?([a-zA-Z][\w:.-]*)\b[^<>]*>")
_FLAT = frozenset((
    "html", "head", "title", "body", "script", "style", "base", "meta", "link", "h1", "h2", "h3", "h4", "h5", "h6",
    "p", "pre", "br", "hr", "img", "textarea",
))  # fmt: skip
"""The elements that do not nest in themselves, or whose contents are no text."""


def with_character_data(source: str) -> str:
    """The source with CDATA sections as text: browsers show them in XHTML, and the parser for HTML drops them."""
    if "<![CDATA[" not in source:
        return source
    return _CHARACTER_DATA.sub(lambda found: found.group() if found[2] is None else escape(found[2]), source)


def flattened(source: str) -> str:
    """The source without the elements that nest: each block begins a paragraph, everything else is text."""
    return _TAG.sub(_flat, source)


def _flat(tag: re.Match[str]) -> str:
    name = tag[1].lower()
    if name in _FLAT:
        return tag.group()
    return "<p>" if name in BLOCKS else ""
