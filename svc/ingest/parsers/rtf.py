"""RTF documents: paragraphs, headings and tables, then notes, comments, headers and footers, in any code page."""

from __future__ import annotations

import codecs
from collections import defaultdict
from typing import NamedTuple

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.rtf_sides import Sides
from svc.ingest.parsers.rtf_words import (
    CHARACTERS,
    CHARSETS,
    CODE_PAGES,
    FONT,
    HIDDEN,
    NEVER_READ,
    SINKS,
    STYLE,
    SYMBOLS,
    TOKEN,
)

_DEEPEST_GROUP = 100_000

SAMPLE = rb"{\rtf1\ansi a\par}"


class _Group(NamedTuple):
    is_muted: bool = False  # whatever it contains
    is_hidden: bool = False  # unless a group inside is known
    unseen: str = ""  # hidden or deleted characters
    sink: str = ""  # where the text goes: empty for the body
    is_object: bool = False
    link: tuple[int, str] | None = None  # where the words of a link begin, and its target
    skipped_after_unicode: int = 1
    codec: str = "cp1252"


def parse(data: bytes) -> ReadDocument:
    """Return the paragraphs, then the footnotes, the comments, the headers and the footers."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise ValueError
    reader = _Reader(data)
    reader.read()
    return reader.writer.document()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.writer = Writer()
        self._group = _Group()
        self._stack: list[_Group] = []
        self._levels = {int(style): int(level) for style, level in STYLE.findall(data[: 2**20])}
        self._codecs = {
            int(font): CHARSETS[int(charset)]
            for font, charset in FONT.findall(data[: 2**20])
            if int(charset) in CHARSETS
        }
        self._default = "cp1252"
        self._texts: defaultdict[str, list[str]] = defaultdict(list)  # the text that each sink has collected
        self._bytes = bytearray()  # of the text that is not decoded yet: a character can have two
        self._sides = Sides()
        self._before_unicode = 0
        self._addresses = Addresses()
        self._level = 0
        self._is_item = self._is_in_table = False
        self._row: list[str] = []
        self._rows: list[list[str]] = []
        self._skipped = 0

    def read(self) -> None:
        at = 0
        while found := TOKEN.search(self._data, at):
            at = found.end()
            word, number, code, symbol, brace, text = found.groups()
            if word is not None:
                value = int(number) if number else None
                if word == b"bin":
                    at += max(value or 0, 0)
                else:
                    self._control(word.decode(), value)
            elif code is not None:
                self._raw(bytes([int(code, 16)]))
            elif symbol is not None:
                self._symbol(symbol.decode("latin-1"))
            elif brace is not None:
                self._brace(is_open=brace == b"{")
            elif text is not None:
                self._raw(text)
        self._paragraph()
        self._table()
        self._sides.write(self.writer)
        for warning in self._addresses.warnings():
            self.writer.warn(warning)

    def _brace(self, *, is_open: bool) -> None:
        self._decode()
        if is_open:
            if len(self._stack) >= _DEEPEST_GROUP:
                raise DocumentRejectedError("The RTF document is nested too deeply to be read.")
            self._stack.append(self._group)
            if self._group.link is not None:
                self._group = self._group._replace(link=None)
        elif self._stack:
            if self._group.link is not None:
                self._end_link(*self._group.link)
            if self._group.sink != self._stack[-1].sink:
                self._sides.add(self._group.sink, _repaired("".join(self._texts.pop(self._group.sink, []))).strip())
            self._group = self._stack.pop()

    def _end_link(self, start: int, target: str) -> None:
        parts = self._texts[self._group.sink]
        start = min(start, len(parts))
        words = "".join(parts[start:])
        if address := self._addresses.beside(words, target, is_relative_kept=True):
            parts[start:] = [with_address(words, address)]

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._group = self._group._replace(is_hidden=True)
        elif symbol in SYMBOLS:
            self._add(SYMBOLS[symbol])
        elif symbol in "\\{}":
            self._raw(symbol.encode())
        elif symbol in "\r\n":
            self._add("\n")

    def _control(self, word: str, value: int | None) -> None:
        if word == "u" and value is not None:
            self._add(chr(value % 65536))
            self._skipped = self._group.skipped_after_unicode
            return
        self._decode()
        if word in NEVER_READ:
            self._group = self._group._replace(is_muted=True)
        elif word in HIDDEN:
            self._begin_hidden(word)
        elif word in SINKS:
            self._group = self._group._replace(sink=SINKS[word], is_hidden=False)
        elif word in ("result", "ud", "fldrslt"):
            self._begin_result(word)
        elif word in ("v", "deleted") and value != 0:
            self._group = self._group._replace(unseen=word)
        elif word in ("plain", "v", "deleted"):
            self._group = self._group._replace(unseen="")
        elif word == "uc":
            self._group = self._group._replace(skipped_after_unicode=value or 0)
        elif word == "ansicpg" and value:
            self._default = _known(f"cp{value}")
            self._group = self._group._replace(codec=self._default)
        elif word in CODE_PAGES:
            self._default = CODE_PAGES[word]
            self._group = self._group._replace(codec=self._default)
        elif word == "f" and value is not None:
            self._group = self._group._replace(codec=self._codecs.get(value, self._default))
        else:
            self._layout(word, value)

    def _begin_hidden(self, word: str) -> None:
        if word == "object":
            self._sides.add_object()
        is_counted = not (self._group.is_muted or self._group.is_object)
        self._sides.images += word == "pict" and is_counted
        self._group = self._group._replace(is_hidden=True, is_object=self._group.is_object or word == "object")

    def _begin_result(self, word: str) -> None:
        """Start to read the replacement text of an object, for characters of a code page, or for a field."""
        parts = self._texts[self._group.sink]
        if word == "ud":  # the same again, in Unicode
            del parts[self._before_unicode :]
        link = (len(parts), self._sides.target) if word == "fldrslt" and self._sides.target else None
        self._sides.target = ""
        self._group = self._group._replace(is_hidden=self._group.is_hidden and word == "fldrslt", link=link)

    def _layout(self, word: str, value: int | None) -> None:
        if not self._is_read:
            return
        if word == "upr":
            self._before_unicode = len(self._texts[self._group.sink])
        elif word in ("cell", "row") and not self._group.sink:
            self._cell(is_row=word == "row")
        elif word in ("par", "sect", "page") and not self._group.sink:
            self._paragraph()
        elif word in CHARACTERS or word in ("cell", "row"):
            self._add(CHARACTERS.get(word, " "))
        elif word == "pard":
            self._level = 0
            self._is_in_table = False
        elif word == "intbl":
            self._is_in_table = True
        elif word == "s" and value is not None:
            self._level = self._levels.get(value, 0)
        elif word == "outlinelevel" and value is not None and 0 <= value < 9:
            self._level = value + 1
        elif word in ("listtext", "pntext"):
            self._is_item = True

    @property
    def _is_read(self) -> bool:
        return not (self._group.is_muted or self._group.is_hidden)

    def _cell(self, *, is_row: bool) -> None:
        if is_row:
            self._rows.append(self._row)
            self._row = []
        else:
            self._row.append(self._taken())
            self._is_in_table = True

    def _raw(self, text: bytes) -> None:
        if self._skipped:
            count = min(self._skipped, len(text))
            self._skipped -= count
            text = text[count:]
        if self._is_read:
            self._bytes += text

    def _decode(self) -> None:
        self._skipped = 0
        if self._bytes:
            text = self._bytes.decode(self._group.codec, errors="replace")
            self._bytes.clear()
            self._collect(text)

    def _add(self, text: str) -> None:
        self._decode()
        if self._is_read:
            self._collect(text)

    def _collect(self, text: str) -> None:
        if not self._group.unseen:
            self._texts[self._group.sink].append(text)
        elif text.strip():
            self._sides.unseen.add(self._group.unseen)

    def _taken(self) -> str:
        text = _repaired("".join(self._texts[""])).strip()
        self._texts[""].clear()
        return text

    def _paragraph(self) -> None:
        self._decode()
        if self._is_in_table:
            self._texts[""].append("\n")  # a paragraph inside of a cell
            return
        text = self._taken()
        if not text:
            if not self._rows:
                self._sides.write_shapes(self.writer)
            return
        self._table()
        if self._level and "\n" not in text:
            self.writer.add("heading", text.replace("\t", " "), level=self._level)
        elif self._is_item:
            marker, _, words = text.partition("\t")
            marker = marker.strip() if words and marker.strip().rstrip(".)").isalnum() else "-"
            self.writer.add("item", f"{marker} {words.strip() or text}")
        else:
            self.writer.add("text", text)
        self._is_item = False
        self._sides.write_shapes(self.writer)

    def _table(self) -> None:
        if self._row:
            self._rows.append(self._row)
            self._row = []
        if self._rows:
            self.writer.add_table(self._rows)
            self._rows = []
            self._sides.write_shapes(self.writer)


def _repaired(text: str) -> str:
    """The text with the characters that were written as two halves."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _known(codec: str) -> str:
    try:
        return codecs.lookup(codec).name
    except LookupError:
        return "cp1252"
