"""Word documents (.docx): the body, then notes, comments, headers and footers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses
from svc.ingest.parsers.embedded import Objects
from svc.ingest.parsers.inner import read_inner
from svc.ingest.parsers.office import Package, packed, relationship_id
from svc.ingest.parsers.rejections import damaged
from svc.ingest.parsers.spans import spread
from svc.ingest.parsers.word_blocks import below, blocks, columns_of, is_covered, lays_out, placed, rows_of
from svc.ingest.parsers.word_drawings import Drawings
from svc.ingest.parsers.word_numbering import Numbering
from svc.ingest.parsers.word_styles import Styles
from svc.ingest.parsers.word_text import Words, name_of, without_unshown

_SIDE_KINDS = ("footnotes", "endnotes", "comments", "header", "footer")


def parse(data: bytes) -> ReadDocument:
    """Return the body, then each note, comment, header and footer that differs from those before it (`part`)."""
    writer = Writer()
    package = Package("docx", data)
    main = package.main_part or "word/document.xml"
    root = package.xml(main)
    is_empty = main in package.repaired and root is not None and next(root.iter("{*}t"), None) is None
    if root is None or is_empty or name_of(root) not in ("document", "wordDocument"):
        raise damaged("docx", "its main part is missing or damaged")
    _Body(package, main, writer).write(root)
    package.warn(writer)
    return writer.document()


class _Body:
    def __init__(self, package: Package, main: str, writer: Writer) -> None:
        self._package = package
        self._main = main
        self._writer = writer
        references = package.relationships(main)
        self._parts = {each.id or each.part: each for each in references}
        by_kind = {each.kind: each.part for each in references}
        self._styles = Styles(package.xml(by_kind.get("styles", "")))
        self._numbering = Numbering(package.xml(by_kind.get("numbering", "")))
        self._objects = Objects()
        self._addresses = Addresses()
        self._images = 0
        self._has_deletions = self._has_hidden = self._has_images_at_edges = self._has_placeholders = False

    def write(self, root: etree._Element) -> None:
        place = self._writer.place
        self._begin(self._main)
        self._write_blocks(self._shown(root))
        self._images += self._drawings.images
        seen: set[str] = set()
        sides = [each for each in self._parts.values() if each.kind in _SIDE_KINDS]
        for side in sorted(sides, key=lambda each: (_SIDE_KINDS.index(each.kind), each.part)):
            part = self._package.xml(side.part)
            if part is None:
                continue
            self._begin(side.part)
            self._writer.place = {**place, "part": side.kind}
            if side.kind == "comments":
                self._write_comments(part)
            else:
                text = "\n\n".join(self._texts(self._shown(part)))
                if text not in seen:  # each section of a document repeats the same header
                    seen.add(text)
                    self._writer.add("text", text)
            for paragraph in part.iter("{*}p"):
                self._drawings.write(paragraph)
            if side.kind in ("header", "footer"):  # each section of a document repeats the same logo
                self._has_images_at_edges |= self._drawings.images > 0
            else:
                self._images += self._drawings.images
        self._writer.place = place
        self._objects.write(self._package, self._writer)
        self._warn()

    def _begin(self, part: str) -> None:
        """From now on, read the paragraphs of another part, which has references of its own."""
        self._words = Words(self._package.targets(part), self._addresses)
        self._drawings = Drawings(self._package, part, self._writer, self._objects, self._addresses)

    def _shown(self, root: etree._Element) -> etree._Element:
        self._has_placeholders |= next(root.iter("{*}showingPlcHdr"), None) is not None
        shown, is_hidden = without_unshown(root)
        self._has_hidden = self._has_hidden or is_hidden
        self._has_deletions = self._has_deletions or next(shown.iter("{*}delText"), None) is not None
        return shown

    def _warn(self) -> None:
        if self._images:
            what = "1 image has" if self._images == 1 else f"{self._images} images have"
            self._writer.warn(f"{what} no description and {'was' if self._images == 1 else 'were'} not read.")
        if self._has_images_at_edges:
            self._writer.warn("Images without a description in headers or footers were not read.")
        if any(each.kind == "glossaryDocument" for each in self._parts.values()):
            self._writer.warn("The building blocks of the document were not read.")
        if self._has_deletions:
            self._writer.warn("Deleted text that the document keeps as tracked changes was not read.")
        if self._has_placeholders:
            self._writer.warn("The placeholder texts of empty fields were not read.")
        if self._has_hidden:
            self._writer.warn("Hidden text was not read.")
        for warning in self._addresses.warnings():
            self._writer.warn(warning)

    def _write_comments(self, part: etree._Element) -> None:
        for comment in part.iter("{*}comment"):
            words = "\n".join(self._texts(self._shown(comment)))
            author = next((value for key, value in comment.items() if key.endswith("}author") and value), "")
            if words:
                self._writer.add("text", f"Comment by {author}: {words}" if author else f"Comment: {words}")

    def _write_blocks(self, root: etree._Element) -> None:
        for block in blocks(root):
            name = name_of(block)
            if name == "tbl":
                self._write_table(block)
            elif name == "altChunk":
                self._write_alternative(block)
            else:
                self._write_paragraph(block)

    def _write_paragraph(self, paragraph: etree._Element) -> None:
        text = self._words.of(paragraph)
        level = self._styles.level_of(paragraph)
        marker = self._numbering.marker_of(paragraph, self._styles) if text.strip() else ""
        if level is not None and "\n" not in text:
            self._writer.add("heading", f"{marker} {text}" if marker not in ("", "-") else text, level=level)
        elif marker:
            self._writer.add("item", f"{marker} {text}")
        else:
            self._writer.add("text", text)
        self._drawings.write(paragraph)

    def _write_table(self, table: etree._Element) -> None:
        cells = [list(below(row, "tc")) for row in below(table, "tr")]
        if max(map(len, cells), default=0) > 1 and not any(lays_out(cell) for row in cells for cell in row):
            rows = [
                [
                    (" ".join(" ".join(self._texts(cell)).split()), columns_of(cell), rows_of(cell, at, cells[number:]))
                    for at, cell in placed(row)
                    if not is_covered(cell) or number == 1
                ]
                for number, row in enumerate(cells, 1)
            ]
            self._writer.add_table(spread(rows))
            for paragraph in table.iter("{*}p"):
                self._drawings.write(paragraph)
            return
        for row in cells:
            for cell in row:
                self._write_blocks(cell)

    def _texts(self, element: etree._Element) -> Iterator[str]:
        """The texts of the paragraphs and tables below an element, with the numbers of its items."""
        for block in blocks(element):
            if name_of(block) == "tbl":
                for row in below(block, "tr"):
                    yield " | ".join(" ".join(" ".join(self._texts(cell)).split()) for cell in below(row, "tc"))
            elif text := self._words.of(block):
                marker = self._numbering.marker_of(block, self._styles)
                yield f"{marker} {text}" if marker not in ("", "-") else text

    def _write_alternative(self, element: etree._Element) -> None:
        """Write a file of another type that Word shows as a part of the document."""
        reference = self._parts.get(relationship_id(element) or "")
        data = self._package.read(reference.part) if reference else None
        name = posixpath.basename(reference.part)[-100:] if reference else ""
        suffix = name.rpartition(".")[2].lower()
        if data is None:
            self._writer.warn("A part that was inserted from another file is missing and was not read.")
        elif suffix == "xml":
            root = self._package.xml_of(reference.part, data) if reference else None
            if root is not None:
                self._write_blocks(self._shown(root))
        elif document := read_inner(name, data, self._writer):
            self._writer.add_blocks(document)
        else:
            self._writer.warn(f"A part that was inserted from a file of type {suffix[:10]} was not read.")


SAMPLE = packed({"word/document.xml": "<document><body><p><t>a</t></p></body></document>"})
