"""Reads XML that is damaged: cut off, with characters or names that XML does not know, or in another encoding."""

from __future__ import annotations

import re
from html.entities import name2codepoint

from lxml import etree

from svc.ingest.parsers.characters import decode_text

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_LONE = re.compile(rb"&(?!#?\w{1,31};)")
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")
_PROLOGUE = re.compile(
    rb"^\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)?", re.DOTALL
)
_PREDEFINED = (b"amp", b"lt", b"gt", b"quot", b"apos")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00")


def repaired(data: bytes, *, has_roots: bool = False) -> etree._Element | None:
    """The root of damaged XML with all readable contents; None if there are none.

    If it may have several roots, which is the damage, one root is put around them.
    """
    if not data.startswith(_WIDE):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            data = _DECLARATION.sub(b"", decode_text(data).encode("utf-8", "replace"))
        data = _NAMED.sub(_numbered, _LONE.sub(b"&amp;", _CONTROL.sub(b" ", data)))
        if has_roots:
            data = b"<file>%s</file>" % _PROLOGUE.sub(b"", data, count=1)
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise
        return None
    if has_roots and root is not None and len(root) == 1 and not (root.text or root[0].tail or "").strip():
        root = root[0]
    return root if root is not None and (len(root) or (root.text or "").strip()) else None


def _numbered(reference: re.Match[bytes]) -> bytes:
    """A character that HTML names, by its number; another name unchanged."""
    name = reference.group(1)
    if name in _PREDEFINED:
        return reference.group()
    code = name2codepoint.get(name.decode("ascii"))
    return b"&amp;%s;" % name if code is None else b"&#%d;" % code
