"""Walks a tree of HTML and writes its blocks: headings, paragraphs, list items, tables and code."""

from __future__ import annotations

import re

from lxml import etree

from svc.ingest.document import BlockKind, Writer

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# The elements that a browser's own style sheet shows as blocks.
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "colgroup", "dd", "details", "dialog",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend", "li", "listing", "main", "menu", "ol", "optgroup",
    "option", "p", "plaintext", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul", "xmp",
))  # fmt: skip
_NEVER_SHOWN = frozenset((
    "area", "audio", "base", "basefont", "button", "canvas", "datalist", "embed", "head", "iframe", "link", "meta",
    "nav", "noembed", "noframes", "noscript", "object", "param", "rp", "script", "select", "style", "svg",
    "template", "textarea", "title", "video",
))  # fmt: skip
_CODE = frozenset(("pre", "listing", "xmp", "plaintext"))
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_LANGUAGE = re.compile(
    r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-|brush:\s*|src-)([\w+#-]+)|^(?:src|sourceCode)\s+([\w+#-]+)"
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_CELL_MOST_CHARACTERS = 2_000  # a table with longer cells lays out a page
_NUMERALS = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
             (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


def write_markup(root: etree._Element, writer: Writer) -> None:
    """Write what a browser shows of the elements in `root`, in their order."""
    _Walk(writer).run(root)


class _Walk:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._words: list[str] = []
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
                    self._end(name)
                skipped = None
                if element is not root:
                    self._text(element.tail)
            elif _is_hidden(element, name) or self._is_whole(element, name):
                events.skip_subtree()
                skipped = element
            else:
                self._start(element, name)
        self._flush()

    def _is_whole(self, element: etree._Element, name: str) -> bool:
        """Write code and tables, whose contents are not walked; returns whether the element is one."""
        if name in _CODE:
            self._flush()
            self._writer.add("code", _code(element), language=_language(element))
            return True
        if name == "table" and (rows := _rows(element)) is not None:
            self._flush()
            self._write_table(element, rows)
            return True
        return False

    def _start(self, element: etree._Element, name: str) -> None:
        if name in _BLOCKS:
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
        elif name in ("img", "image", "input") and _is_image(element, name):
            self._text(f" {element.get('alt') or ''} ")
        self._text(element.text)

    def _item(self, element: etree._Element) -> None:
        kind, number, numbering = self._lists.pop() if self._lists else ("ul", 0, "1")
        number = _number(element.get("value"), number + 1)
        self._lists.append((kind, number, numbering))
        marker = f"{_numeral(number, numbering)}. " if kind == "ol" else "- "
        self._kind, self._marker = "item", "  " * (len(self._lists) - 1) + marker

    def _end(self, name: str) -> None:
        if name in _BLOCKS:
            self._flush()
        if name in _HEADINGS or name in ("li", "dt", "dd"):
            self._kind, self._marker = "text", ""
        elif name in ("ul", "ol", "menu", "dir") and self._lists:
            self._lists.pop()

    def _text(self, text: str | None) -> None:
        if text:
            self._words.append(_SPACE.sub(" ", text))

    def _flush(self) -> None:
        """Write what has been collected as one block."""
        lines = [" ".join(line.split(" ")).strip() for line in re.sub(" +", " ", "".join(self._words)).split("\n")]
        self._words.clear()
        text = "\n".join(lines).strip()
        if not text:
            return
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
            self._writer.add("text", _inline_text(caption))
        # Even if it is not marked, the first row nearly always names the columns.
        self._writer.add_table(rows)


def _name(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _is_hidden(element: etree._Element, name: str) -> bool:
    if not name or name in _NEVER_SHOWN:
        return True
    if name == "dialog" and "open" not in element.attrib:
        return True
    if "hidden" in element.attrib and (element.get("hidden") or "").lower() != "until-found":
        return True
    style = element.get("style")
    return bool(style and _HIDING_STYLE.search(style))


def _is_image(element: etree._Element, name: str) -> bool:
    return name != "input" or (element.get("type") or "").lower() == "image"


def _inline_text(element: etree._Element) -> str:
    """The shown text of an element in one line, with the alternative texts of its images."""
    parts: list[str] = []
    events = etree.iterwalk(element, events=("start", "end"))
    for event, node in events:
        name = _name(node)
        if event == "start":
            if _is_hidden(node, name):
                events.skip_subtree()
                continue
            if name in _BLOCKS or name == "br":
                parts.append(" ")
            if name == "img":
                parts.append(f" {node.get('alt') or ''} ")
            parts.append(node.text or "")
        else:
            if name in _BLOCKS:
                parts.append(" ")
            if node is not element:
                parts.append(node.tail or "")
    return " ".join("".join(parts).split())


def _rows(table: etree._Element) -> list[list[str]] | None:
    """The cells of each row; None if the table lays out a page."""
    if next(table.iterdescendants("table", *_CODE, *_HEADINGS, "ul", "ol", "dl"), None) is not None:
        return None
    rows = []
    for row in table.iterdescendants("tr"):
        cells = [cell for cell in row if _name(cell) in ("td", "th") and not _is_hidden(cell, _name(cell))]
        texts = [_inline_text(cell) for cell in cells]
        if any(len(text) > _CELL_MOST_CHARACTERS for text in texts):
            return None
        rows.append(texts)
    most = max(map(len, rows), default=0)
    return rows if most > 1 else None


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


def _numeral(number: int, numbering: str) -> str:
    if numbering in ("a", "A") and 0 < number <= 26:
        return chr(ord(numbering) + number - 1)
    if numbering in ("i", "I") and 0 < number < 4000:
        written = roman(number)
        return written if numbering == "i" else written.upper()
    return str(number)


def roman(number: int) -> str:
    """Return a number from 1 in small Roman numerals."""
    written = ""
    for value, numeral in _NUMERALS:
        count, number = divmod(number, value)
        written += numeral * count
    return written
