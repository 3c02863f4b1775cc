"""The form in which Outlook packs a message and its attachments into one file, `winmail.dat` (MS-OXTNEF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from svc.errors import DocumentRejectedError
from svc.ingest.document import Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.code_pages import codec_of
from svc.ingest.parsers.compressed_rtf import decompressed
from svc.ingest.parsers.html import declared_charset, write_html
from svc.ingest.parsers.rtf import parse as parse_rtf

SIGNATURE = b"\x78\x9f\x3e\x22"
"""The first bytes of such a file."""

_SUBJECT, _BODY, _CODEPAGE, _PROPERTIES = 0x8004, 0x800C, 0x9007, 0x9003
_BEGIN, _TITLE, _DATA, _ATTACHED_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
# The properties of MS-OXPROPS.
_OF_SUBJECT, _OF_BODY, _OF_RTF, _OF_HTML = 0x0037, 0x1000, 0x1009, 0x1013
_SENDER, _TO, _CC, _NAME, _LONG_NAME, _SHORT_NAME, _OBJECT = 0x0C1A, 0x0E04, 0x0E03, 0x3001, 0x3707, 0x3704, 0x3701
_UNICODE, _BYTES, _BINARY, _EMBEDDED = 0x001F, 0x001E, 0x0102, 0x000D
_SIZES = {
    0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8, 0x0040: 8,
    0x0048: 16,
}  # fmt: skip
_MANY, _NAMED_FROM = 0x1000, 0x8000
_INTERFACE_BYTES = 16

Properties = dict[int, tuple[int, bytes]]


class Message:
    """A message: its headers, `files` with their names, and whether it `is_cut` off or damaged."""

    def __init__(self, data: bytes) -> None:
        self._codec: str | None = None
        self._subject = self._plain = b""
        self._properties: Properties = {}
        self.is_cut = False
        attached: list[tuple[bytes, bytes, Properties]] = []
        for kind, value in self._attributes(data):
            if kind == _CODEPAGE and len(value) >= 4:
                self._codec = codec_of(struct.unpack_from("<I", value)[0])
            elif kind == _SUBJECT:
                self._subject = value
            elif kind == _BODY:
                self._plain = value
            elif kind == _PROPERTIES:
                self._properties |= self._read(value)
            elif kind == _BEGIN:
                attached.append((b"", b"", {}))
            elif attached:
                title, content, properties = attached[-1]
                title = value if kind == _TITLE else title
                content = value if kind == _DATA else content
                properties = self._read(value) if kind == _ATTACHED_PROPERTIES else properties
                attached[-1] = title, content, properties
        self.files = [self._file(*each) for each in attached]

    def headers(self) -> dict[str, str]:
        """The visible header fields of the message, by name."""
        found = {
            "Subject": self._text(self._properties, _OF_SUBJECT) or self._decoded(self._subject),
            "From": self._text(self._properties, _SENDER),
            "To": self._text(self._properties, _TO),
            "Cc": self._text(self._properties, _CC),
        }
        return {name: " ".join(value.split()) for name, value in found.items() if value.strip()}

    def write_body(self, writer: Writer) -> None:
        """Write the body once: HTML, the plain text or RTF."""
        page = Writer()
        _, html = self._properties.get(_OF_HTML, (0, b""))
        if html:
            write_html(clean_text(decode_text(html, declared_charset(html) or self._codec)), page)
        if not page.document().blocks:
            page = Writer()
            page.add("text", self._text(self._properties, _OF_BODY) or self._decoded(self._plain))
        _, rtf = self._properties.get(_OF_RTF, (0, b""))
        if rtf and not page.document().blocks:
            try:
                page.add_blocks(parse_rtf(decompressed(rtf)))
            except (ValueError, DocumentRejectedError):
                page.warn("The body is damaged and was not read.")
        writer.add_blocks(page.document())

    def _file(self, title: bytes, content: bytes, properties: Properties) -> tuple[str, bytes]:
        named = next((name for each in (_LONG_NAME, _SHORT_NAME, _NAME) if (name := self._text(properties, each))), "")
        kind, value = properties.get(_OBJECT, (0, b""))
        if kind == _EMBEDDED:
            content = value[_INTERFACE_BYTES:]
        return named or self._decoded(title) or "attachment", content or (value if kind == _BINARY else b"")

    def _attributes(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = len(SIGNATURE) + 2
        while at < len(data):
            if at + 9 > len(data):
                self.is_cut = True
                return
            kind, size = struct.unpack_from("<HxxI", data, at + 1)
            value = data[at + 9 : at + 9 + size]
            if len(value) < size:
                self.is_cut = True
            yield kind, value
            at += 9 + size + 2

    def _read(self, data: bytes) -> Properties:
        found: Properties = {}
        try:
            for name, kind, value in _properties(data):
                found.setdefault(name, (kind, value))
        except struct.error:
            self.is_cut = True
        return found

    def _text(self, properties: Properties, name: int) -> str:
        kind, value = properties.get(name, (0, b""))
        if kind == _UNICODE:
            return clean_text(value.decode("utf-16-le", "replace")).strip()
        return self._decoded(value) if kind == _BYTES else ""

    def _decoded(self, value: bytes) -> str:
        return clean_text(decode_text(value.rstrip(b"\0"), self._codec)).strip()


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The properties, each with its number, its type and its first value."""
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(min(count, len(data) // 4)):
        kind, name = struct.unpack_from("<HH", data, at)
        at += 4
        if name >= _NAMED_FROM:
            at = _after_name(data, at + _INTERFACE_BYTES)
        is_long = kind & ~_MANY in (_UNICODE, _BYTES, _BINARY, _EMBEDDED)
        values = 1
        if is_long or kind & _MANY:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        for number in range(min(values, len(data))):
            if is_long:
                (size,) = struct.unpack_from("<I", data, at)
                at += 4
            else:
                size = _SIZES.get(kind & ~_MANY, 4)
            if at + size > len(data) and not is_long:
                raise struct.error
            if number == 0:
                yield name, kind, data[at : at + size]
            at += size + -size % 4


def _after_name(data: bytes, at: int) -> int:
    """Where the value of a property begins whose name, a number or a text, is at a place."""
    (is_text,) = struct.unpack_from("<I", data, at)
    if not is_text:
        return at + 8
    size: int = struct.unpack_from("<I", data, at + 4)[0]
    return at + 8 + size + -size % 4
