"""Word documents (.docx): the body, then notes, comments, headers and footers."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.charts import write_chart
from svc.ingest.parsers.html import declared_charset, write_html
from svc.ingest.parsers.office import Package, drawing_texts, packed, parse_xml, relationship_id
from svc.ingest.parsers.rejections import damaged
from svc.ingest.parsers.word_numbering import Numbering
from svc.ingest.parsers.word_styles import Styles
from svc.ingest.parsers.word_text import name_of, paragraph_text, without_unshown

_SIDE_KINDS = ("footnotes", "endnotes", "comments", "header", "footer")
_CELL_MOST_CHARACTERS = 2_000  # a table with longer cells lays out a page
_DEEPEST_CHUNK = 2


def parse(data: bytes) -> ReadDocument:
    """Return the body, then each note, comment, header and footer that differs from those before it (`part`)."""
    writer = Writer()
    _write_docx(data, writer, 0)
    return writer.document()


def _write_docx(data: bytes, writer: Writer, depth: int) -> None:
    package = Package("docx", data)
    main = package.main_part or "word/document.xml"
    root = package.xml(main)
    if root is None or name_of(root) != "document":
        raise damaged("docx", "its main part is missing or damaged")
    _Body(package, main, writer, depth).write(root)
    if package.damaged:
        writer.warn(f"Not read, because they are damaged: {', '.join(sorted(set(package.damaged)))}.")


class _Body:
    def __init__(self, package: Package, main: str, writer: Writer, depth: int) -> None:
        self._package = package
        self._writer = writer
        self._depth = depth
        self._parts = {each.id: each for each in package.relationships(main)}
        by_kind = {each.kind: each.part for each in self._parts.values()}
        self._styles = Styles(package.xml(by_kind.get("styles", "")))
        self._numbering = Numbering(package.xml(by_kind.get("numbering", "")))
        self._images = 0

    def write(self, root: etree._Element) -> None:
        place = self._writer.place
        self._write_blocks(without_unshown(root))
        seen: set[str] = set()
        sides = [each for each in self._parts.values() if each.kind in _SIDE_KINDS]
        for side in sorted(sides, key=lambda each: (_SIDE_KINDS.index(each.kind), each.part)):
            part = self._package.xml(side.part)
            if part is None:
                continue
            self._writer.place = {**place, "part": side.kind}
            if side.kind == "comments":
                self._write_comments(part)
            else:
                text = "\n\n".join(_texts(without_unshown(part)))
                if text not in seen:  # each section of a document repeats the same header
                    seen.add(text)
                    self._writer.add("text", text)
        self._writer.place = place
        if self._images:
            what = "1 image has" if self._images == 1 else f"{self._images} images have"
            self._writer.warn(
                f"{what} no description and was not read."
                if self._images == 1
                else f"{what} no description and were not read."
            )

    def _write_comments(self, part: etree._Element) -> None:
        for comment in part.iter("{*}comment"):
            words = "\n".join(_texts(without_unshown(comment)))
            author = next((value for key, value in comment.items() if key.endswith("}author") and value), "")
            self._writer.add("text", f"Comment by {author}: {words}" if author else f"Comment: {words}")

    def _write_blocks(self, root: etree._Element) -> None:
        for block in _blocks(root):
            name = name_of(block)
            if name == "tbl":
                self._write_table(block)
            elif name == "altChunk":
                self._write_alternative(block)
            else:
                self._write_paragraph(block)

    def _write_paragraph(self, paragraph: etree._Element) -> None:
        text = paragraph_text(paragraph)
        level = self._styles.level_of(paragraph)
        marker = self._numbering.marker_of(paragraph, self._styles) if text.strip() else ""
        if level is not None and "\n" not in text:
            self._writer.add("heading", f"{marker} {text}" if marker not in ("", "-") else text, level=level)
        elif marker:
            self._writer.add("item", f"{marker} {text}")
        else:
            self._writer.add("text", text)
        self._write_drawings(paragraph)

    def _write_drawings(self, paragraph: etree._Element) -> None:
        for node in paragraph.iter("{*}chart", "{*}relIds", "{*}docPr", "{*}imagedata"):
            name = name_of(node)
            if name == "docPr":
                is_image = next(node.getparent().iter("{*}blip"), None) is not None
                if described := (node.get("descr") or "").strip():
                    self._writer.add("text", described)
                elif is_image:
                    self._images += 1
                continue
            if name == "imagedata":
                self._images += 1
                continue
            reference = self._parts.get(relationship_id(node, "dm" if name == "relIds" else "id") or "")
            part = self._package.xml(reference.part) if reference else None
            if part is None:
                self._writer.warn("A chart or a diagram was not read: its part is missing or damaged.")
            elif name == "chart":
                write_chart(part, self._writer)
            else:
                self._writer.add("text", "\n".join(drawing_texts(part)))

    def _write_table(self, table: etree._Element) -> None:
        rows = [[" ".join(" ".join(_texts(cell)).split()) for cell in _below(row, "tc")] for row in _below(table, "tr")]
        if max(map(len, rows), default=0) > 1 and all(
            len(text) <= _CELL_MOST_CHARACTERS for row in rows for text in row
        ):
            self._writer.add_table(rows)
            for paragraph in table.iter("{*}p"):
                self._write_drawings(paragraph)
            return
        for row in _below(table, "tr"):
            for cell in _below(row, "tc"):
                self._write_blocks(cell)

    def _write_alternative(self, element: etree._Element) -> None:
        """Write a file of another type that Word shows as a part of the document."""
        reference = self._parts.get(relationship_id(element) or "")
        data = self._package.read(reference.part) if reference else None
        suffix = reference.part.rpartition(".")[2].lower() if reference else ""
        if data is None:
            self._writer.warn("A part that was inserted from another file is missing and was not read.")
        elif suffix in ("htm", "html", "xhtml", "mht"):
            title = self._writer.title
            write_html(clean_text(decode_text(data, declared_charset(data))), self._writer)
            self._writer.title = title
        elif suffix == "txt":
            self._writer.add("text", decode_text(data))
        elif suffix == "docx" and self._depth < _DEEPEST_CHUNK:
            _write_docx(data, self._writer, self._depth + 1)
        elif suffix == "xml":
            self._write_blocks(without_unshown(parse_xml(data)))
        else:
            self._writer.warn(f"A part that was inserted from a file of type {suffix[:10]} was not read.")


def _texts(element: etree._Element) -> Iterator[str]:
    """The texts of the paragraphs and tables below an element."""
    for block in _blocks(element):
        if name_of(block) == "tbl":
            for row in _below(block, "tr"):
                yield " | ".join(" ".join(" ".join(_texts(cell)).split()) for cell in _below(row, "tc"))
        elif text := paragraph_text(block).strip():
            yield text


def _blocks(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if name_of(child) in ("p", "tbl", "altChunk"):
            yield child
        elif not _is_placeholder(child):  # a wrapper, such as a content control or a tracked insertion
            yield from _blocks(child)


def _is_placeholder(element: etree._Element) -> bool:
    return name_of(element) == "sdt" and element.find("{*}sdtPr/{*}showingPlcHdr") is not None


def _below(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for child in element:
        if name_of(child) == name:
            yield child
        elif name_of(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _below(child, name)


SAMPLE = packed({"word/document.xml": "<document><body><p><t>a</t></p></body></document>"})
