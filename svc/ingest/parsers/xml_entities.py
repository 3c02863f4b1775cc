"""Replaces the references to entities in XML by the texts that the file itself declares for them."""

from __future__ import annotations

import re
from html.entities import name2codepoint

_DECLARED_BYTES = 65_536
_MOST_BYTES = 4 * 2**20
_MOST_ENTITY_BYTES = 65_536
_DEEPEST = 10
_ENTITY = re.compile(rb"""<!ENTITY\s+([\w.-]+)\s+(?:"([^"%]{0,10000})"|'([^'%]{0,10000})')\s*>""")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_REFERENCE = re.compile(rb"&([A-Za-z_][\w.-]*);")
_PREDEFINED = (b"amp", b"lt", b"gt", b"quot", b"apos")
_CHARACTERS = {name.encode(): b"&#%d;" % code for name, code in name2codepoint.items()}


def with_entities(data: bytes) -> tuple[bytes, list[str]]:
    """The file with its entities replaced by their texts, and the names of the entities that are not read.

    The parser expands none, since they could be files of the machine, or grow without end.
    """
    if b"<!DOCTYPE" not in data[:_DECLARED_BYTES]:
        return data, []
    entities = _Entities(data[:_DECLARED_BYTES])
    declared = _DOCTYPE.match(data, data.find(b"<!DOCTYPE"))
    start = declared.end() if declared else 0
    text = _REFERENCE.sub(entities.expanded, data[start:])
    return data[:start] + text, list(entities.unread)


class _Entities:
    def __init__(self, declarations: bytes) -> None:
        self._declared = {name: one or other for name, one, other in _ENTITY.findall(declarations)}
        self._texts: dict[bytes, bytes | None] = {}
        self._room = _MOST_BYTES
        self.unread: dict[str, None] = {}

    def expanded(self, reference: re.Match[bytes]) -> bytes:
        """The text of a reference; the reference itself if it is not read."""
        name = reference.group(1)
        if name in _PREDEFINED:
            return reference.group()
        text = self._text(name, 0)
        if text is None or len(text) > self._room:
            self.unread[name.decode("ascii", "replace")[:50]] = None
            return reference.group()
        self._room -= len(text)
        return text

    def _text(self, name: bytes, depth: int) -> bytes | None:
        """The text of an entity with those of the entities in it; None if it has none, or would be too long."""
        if name in self._texts:
            return self._texts[name]
        source = self._declared.get(name)
        if source is None:
            return _CHARACTERS.get(name)
        self._texts[name] = None  # while it is looked up: an entity that contains itself has no text
        parts: list[bytes] = []
        at = size = 0
        for inner in _REFERENCE.finditer(source):
            text = inner.group()
            if inner.group(1) not in _PREDEFINED:
                found = self._text(inner.group(1), depth + 1) if depth < _DEEPEST else None
                if found is None:
                    return None
                text = found
            parts += [source[at : inner.start()], text]
            at = inner.end()
            size += len(parts[-1]) + len(parts[-2])
            if size > _MOST_ENTITY_BYTES:
                return None
        self._texts[name] = b"".join(parts) + source[at:]
        return self._texts[name]
