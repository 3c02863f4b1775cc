"""RTF documents: paragraphs, headings, tables and footnotes, in any code page."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_HIDDEN_GROUPS = frozenset((
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "objdata", "themedata", "colorschememapping",
    "datastore", "latentstyles", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "fldinst",
    "header", "footer", "headerl", "headerr", "headerf", "footerl", "footerr", "footerf", "template", "private",
    "revtbl", "filetbl", "bkmkstart", "bkmkend", "nonshppict", "shpinst", "mmathPr", "pgdsctbl", "annotation",
))  # fmt: skip
_CHARACTERS = {
    "par": "\n", "sect": "\n", "page": "\n", "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘",
    "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ",
}  # fmt: skip
_SYMBOLS = {"~": "\u00a0", "_": "-", "-": ""}
_STYLE = re.compile(rb"\{\\s(\d+)[^{}]*?(?:heading|\xdcberschrift|titre|rubrik) (\d)\s*;\}", re.IGNORECASE)
_DEEPEST_GROUP = 500
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_FONT = re.compile(rb"\\f(\d+)[^{};]*?\\fcharset(\d+)")

SAMPLE = rb"{\rtf1\ansi a\par}"


@dataclass(frozen=True)
class _Group:
    is_hidden: bool = False
    is_note: bool = False
    skipped_after_unicode: int = 1
    codec: str = "cp1252"


def parse(data: bytes) -> ReadDocument:
    """Return the paragraphs, then the footnotes."""
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
        self._levels = {int(style): int(level) for style, level in _STYLE.findall(data[: 2**20])}
        self._codecs = {
            int(font): _CHARSETS[int(charset)]
            for font, charset in _FONT.findall(data[: 2**20])
            if int(charset) in _CHARSETS
        }
        self._default = "cp1252"
        self._text: list[str] = []
        self._bytes = bytearray()  # of the text that is not decoded yet: a character can have two
        self._note: list[str] = []
        self._notes: list[str] = []
        self._level = 0
        self._is_item = self._is_in_table = False
        self._row: list[str] = []
        self._rows: list[list[str]] = []
        self._skipped = 0
        self._images = 0

    def read(self) -> None:
        at = 0
        while found := _TOKEN.search(self._data, at):
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
        for note in self._notes:
            self.writer.add("text", f"Note: {note}")
        if self._images:
            what = "1 image was" if self._images == 1 else f"{self._images} images were"
            self.writer.warn(f"{what} not read.")

    def _brace(self, *, is_open: bool) -> None:
        self._decode()
        if is_open:
            if len(self._stack) >= _DEEPEST_GROUP:
                raise DocumentRejectedError("The RTF document is nested too deeply to be read.")
            self._stack.append(self._group)
        elif self._stack:
            if self._group.is_note and not self._stack[-1].is_note:
                self._notes.append(" ".join("".join(self._note).split()))
                self._note.clear()
            self._group = self._stack.pop()

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._group = replace(self._group, is_hidden=True)
        elif symbol in _SYMBOLS:
            self._add(_SYMBOLS[symbol])
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
        if word in _HIDDEN_GROUPS:
            self._images += word == "pict" and not self._group.is_hidden
            self._group = replace(self._group, is_hidden=True)
        elif word == "footnote":
            self._group = replace(self._group, is_note=True, is_hidden=False)
        elif word in ("v", "deleted"):
            self._group = replace(self._group, is_hidden=value != 0)
        elif word == "uc":
            self._group = replace(self._group, skipped_after_unicode=value or 0)
        elif word == "ansicpg" and value:
            self._default = _known(f"cp{value}")
            self._group = replace(self._group, codec=self._default)
        elif word == "f" and value is not None:
            self._group = replace(self._group, codec=self._codecs.get(value, self._default))
        else:
            self._layout(word, value)

    def _layout(self, word: str, value: int | None) -> None:
        if self._group.is_hidden:
            return
        if word in ("cell", "row"):
            self._cell(is_row=word == "row")
        elif word in ("par", "sect", "page") and not self._group.is_note:
            self._paragraph()
        elif word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        elif word in ("pard", "plain"):
            self._level = 0 if word == "pard" else self._level
            self._is_in_table = self._is_in_table and word != "pard"
        elif word == "intbl":
            self._is_in_table = True
        elif word == "s" and value is not None:
            self._level = self._levels.get(value, 0)
        elif word == "outlinelevel" and value is not None and 0 <= value < 9:
            self._level = value + 1
        elif word in ("listtext", "pntext"):
            self._is_item = True

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
        if not self._group.is_hidden:
            self._bytes += text

    def _decode(self) -> None:
        self._skipped = 0
        if self._bytes:
            text = self._bytes.decode(self._group.codec, errors="replace")
            self._bytes.clear()
            (self._note if self._group.is_note else self._text).append(text)

    def _add(self, text: str) -> None:
        self._decode()
        if not self._group.is_hidden:
            (self._note if self._group.is_note else self._text).append(text)

    def _taken(self) -> str:
        text = "".join(self._text).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
        self._text.clear()
        return text

    def _paragraph(self) -> None:
        self._decode()
        if self._is_in_table:
            self._text.append("\n")  # a paragraph inside of a cell
            return
        text = self._taken()
        if not text:
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

    def _table(self) -> None:
        if self._row:
            self._rows.append(self._row)
            self._row = []
        if self._rows:
            self.writer.add_table(self._rows)
            self._rows = []


def _known(codec: str) -> str:
    try:
        return codecs.lookup(codec).name
    except LookupError:
        return "cp1252"
