"""Walks a tree of HTML and writes its blocks: headings, paragraphs, list items, tables and code."""

from __future__ import annotations

import re

from lxml import etree

from svc.ingest.document import BlockKind, Writer
from svc.ingest.parsers.addresses import with_address
from svc.ingest.parsers.markup_parts import BLOCKS, Seen, beginning
from svc.ingest.parsers.numerals import numeral
from svc.ingest.parsers.spans import spread

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_CODE = frozenset(("pre", "listing", "xmp", "plaintext"))
_LANGUAGE = re.compile(
    r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-|brush:\s*|src-)([\w+#-]+)|^(?:src|sourceCode)\s+([\w+#-]+)"
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_SOFT_HYPHEN = "\xad"  # where a word may be divided, which a search for the word does not know
_CELL_MOST_CHARACTERS = 2_000  # a table with longer cells lays out a page
_DEEPEST_PAGE = 3
_MOST_SPANNED = 100


def write_markup(root: etree._Element, writer: Writer, seen: Seen, depth: int = 0) -> None:
    """Write the elements in `root` as a browser shows them, in order, and record unread parts in `seen`."""
    _Walk(writer, seen, depth).run(root)


class _Walk:
    def __init__(self, writer: Writer, seen: Seen, depth: int) -> None:
        self._writer = writer
        self._seen = seen
        self._depth = depth
        self._words: list[str] = []
        self._link: list[str] = []  # the words of the link that is being read
        self._below: list[str] = []  # the addresses in a heading, which follow below it
        self._lists: list[tuple[str, int, str]] = []  # the kind, the last number, the type of numbering
        self._kind: BlockKind = "text"
        self._level = 0
        self._marker = ""

    def run(self, root: etree._Element) -> None:
        events = etree.iterwalk(root, events=("start", "end"))
        skipped: etree._Element | None = None
        for event, element in events:
            name = _name(element)
            if event == "end":
                if element is not skipped:
                    self._end(element, name)
                skipped = None
                if element is not root:
                    self._text(element.tail)
            elif self._seen.is_hidden(element, name) or self._is_whole(element, name):
                events.skip_subtree()
                skipped = element
            else:
                self._start(element, name)
        self._flush()

    def _is_whole(self, element: etree._Element, name: str) -> bool:
        """Write an element whose contents are not traversed, such as code or a table; returns whether it is one."""
        if name in _CODE:
            self._flush()
            code = _code(element)
            self._writer.add("code", code, language=_language(element))
            for link in element.iterdescendants("a"):
                self._writer.add("text", self._seen.address_of(link, code))
            return True
        if name == "table" and (rows := _rows(element, self._seen)) is not None:
            self._flush()
            self._write_table(element, rows)
            return True
        if name in ("iframe", "frame", "noframes"):
            self._flush()
            page = self._seen.inner_page(element, name)
            if page is not None and self._depth < _DEEPEST_PAGE:
                write_markup(page, self._writer, self._seen, self._depth + 1)
            return True
        if (text := self._seen.replaced(element, name)) is not None:
            self._text(text)
            return True
        return False

    def _start(self, element: etree._Element, name: str) -> None:
        if name in BLOCKS:
            self._flush()
        if name in _HEADINGS:
            self._kind, self._level = "heading", _HEADINGS[name]
        elif name in ("ul", "ol", "menu", "dir"):
            first = _number(element.get("start"), 1) - 1
            self._lists.append((name, first, element.get("type") or "1"))
        elif name == "li":
            self._item(element)
        elif name == "dt":
            self._kind = "item"
        elif name == "dd":
            self._kind, self._marker = "item", "  "
        elif name == "br":
            self._words.append("\n")
        elif name == "a":
            self._link.clear()
        else:
            self._words.append(beginning(element, name, "".join(self._words[-1:])))
        self._text(element.text)

    def _item(self, element: etree._Element) -> None:
        kind, number, numbering = self._lists.pop() if self._lists else ("ul", 0, "1")
        number = _number(element.get("value"), number + 1)
        self._lists.append((kind, number, numbering))
        marker = f"{numeral(number, numbering)}. " if kind == "ol" else "- "
        self._kind, self._marker = "item", "  " * (len(self._lists) - 1) + marker

    def _end(self, element: etree._Element, name: str) -> None:
        if name in BLOCKS:
            self._flush()
        if name == "a":
            self._write_address(self._seen.address_of(element, "".join(self._link)))
        self._words.append(self._seen.ending(element, name))
        if name in _HEADINGS or name in ("li", "dt", "dd"):
            self._kind, self._marker = "text", ""
        elif name in ("ul", "ol", "menu", "dir") and self._lists:
            self._lists.pop()

    def _write_address(self, address: str) -> None:
        """Write an address behind the words of its link, or below the heading that is or has a link."""
        if self._kind == "heading":
            self._below += [address] if address else []
        elif address:
            self._words.append(self._linked(address))

    def _linked(self, address: str) -> str:
        """Remove the last words, and return them with an address."""
        space = ""
        while self._words and not self._words[-1].strip(" "):
            space = self._words.pop() and " "
        if not self._words or self._words[-1] == "\n":
            return f"{address} "
        return with_address(self._words.pop(), address) + space

    def _text(self, text: str | None) -> None:
        if text:
            self._words.append(_SPACE.sub(" ", text).replace(_SOFT_HYPHEN, ""))
            self._link.append(text)

    def _flush(self) -> None:
        """Write the collected text as one block."""
        lines = [" ".join(line.split(" ")).strip() for line in re.sub(" +", " ", "".join(self._words)).split("\n")]
        self._words.clear()
        text = "\n".join(lines).strip()
        if text:
            self._write_block(text)
        if self._below:
            self._writer.add("text", "\n".join(self._below))
            self._below.clear()

    def _write_block(self, text: str) -> None:
        if self._kind == "item":
            indent = len(self._marker) - len(self._marker.lstrip())
            self._writer.add("item", self._marker.lstrip() + text)
            self._marker = " " * indent
        else:
            self._writer.add(
                self._kind, text.replace("\n", " ") if self._kind == "heading" else text, level=self._level
            )

    def _write_table(self, table: etree._Element, rows: list[list[str]]) -> None:
        caption = table.find("caption")
        if caption is not None:
            self._writer.add("text", _inline_text(caption, self._seen))
        # Even if it is not marked, the first row nearly always names the columns.
        self._writer.add_table(rows)


def _name(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _inline_text(element: etree._Element, seen: Seen) -> str:
    """The shown text of an element in one line, with the alternative texts of its images."""
    parts: list[str] = []
    begun: list[int] = []  # where the words of each open link begin
    events = etree.iterwalk(element, events=("start", "end"))
    skipped: etree._Element | None = None
    for event, node in events:
        name = _name(node)
        if event == "start":
            text = "" if seen.is_hidden(node, name) else seen.replaced(node, name)
            if text is not None:
                parts.append(text)
                events.skip_subtree()
                skipped = node
                continue
            if name == "a":
                begun.append(len(parts))
            parts += [beginning(node, name, "".join(parts[-1:])), node.text or ""]
            continue
        if node is skipped:
            skipped = None
        elif name == "a" and begun:
            words = "".join(parts[begun.pop() :])
            if address := seen.address_of(node, words):
                parts.append(f" ({address}) " if words.strip() else f" {address} ")
        else:
            parts.append(" " if name in BLOCKS else seen.ending(node, name))
        if node is not element:
            parts.append(node.tail or "")
    return " ".join("".join(parts).split())


def _rows(table: etree._Element, seen: Seen) -> list[list[str]] | None:
    """The cells of each row; None if the table lays out a page."""
    if next(table.iterdescendants("table", *_CODE, *_HEADINGS, "ul", "ol", "dl", "iframe"), None) is not None:
        return None
    rows = [
        [cell for cell in row if _name(cell) in ("td", "th") and not seen.is_hidden(cell, _name(cell))]
        for row in table.iterdescendants("tr")
    ]
    if max(map(len, rows), default=0) < 2 or any(
        len("".join(cell.itertext())) > _CELL_MOST_CHARACTERS
        and len(" ".join("".join(cell.itertext()).split())) > _CELL_MOST_CHARACTERS
        for row in rows
        for cell in row
    ):
        return None
    return spread(
        [[(_inline_text(cell, seen), _span(cell, "colspan"), _span(cell, "rowspan")) for cell in row] for row in rows]
    )


def _span(cell: etree._Element, name: str) -> int:
    return min(max(_number(cell.get(name), 1), 1), _MOST_SPANNED)


def _code(element: etree._Element) -> str:
    parts = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            if _name(node) == "br":
                parts.append("\n")
            if isinstance(node.tag, str):
                parts.append(node.text or "")
        elif node is not element:
            parts.append(node.tail or "")
    return "".join(parts)


def _language(element: etree._Element) -> str:
    above = [element, *element.iterancestors()][:3]
    inner = element.find("code")
    for each in ([inner] if inner is not None else []) + above:
        found = _LANGUAGE.search(each.get("class") or "")
        if found:
            return str(found.group(1) or found.group(2)).lower()
    return ""


def _number(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"\s*-?\d{1,9}\s*", text) else default
