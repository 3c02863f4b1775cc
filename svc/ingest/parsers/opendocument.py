"""The common features of all OpenDocument files: one XML part in an archive, paragraphs, lists and tables."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.formats import FileType
from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.embedded import Objects
from svc.ingest.parsers.formulas import formula_text
from svc.ingest.parsers.office import Package
from svc.ingest.parsers.opendocument_forms import form_lines
from svc.ingest.parsers.rejections import damaged, encrypted

_NOT_TEXT = ("sequence-decls", "variable-decls", "user-field-decls", "script", "note-citation", "annotation-end",
             "event-listeners", "desc", "binary-data")  # fmt: skip
_MEDIA = ("plugin", "applet", "floating-frame")
_DRAWING = "{urn:oasis:names:tc:opendocument:xmlns:drawing"
_MOST_SPACES = 100
_DEEPEST_OBJECT = 2
_DEEPEST_ELEMENT = 60


def open_content(file_type: FileType, data: bytes) -> tuple[Package, bytes]:
    """Return the archive and its main part, `content.xml`.

    Raises:
        DocumentRejectedError: it is encrypted, damaged, or too large unpacked.
    """
    package = Package(file_type, data)
    manifest = package.read("META-INF/manifest.xml") or b""
    if b"encryption-data" in manifest:
        raise encrypted(file_type)
    content = package.read("content.xml")
    if content is None:
        raise damaged(file_type, "its part content.xml is missing or damaged")
    return package, content


def name_of(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """The value of an attribute, whatever its namespace."""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)


def is_drawing(element: etree._Element) -> bool:
    """Whether an element is a shape, an image or a box."""
    return isinstance(element.tag, str) and element.tag.startswith(_DRAWING)


def inline_text(element: etree._Element, addresses: Addresses | None = None, depth: int = 0) -> str:
    """The text of a paragraph, without its notes, comments and drawings; with the addresses of its links, if given."""
    if depth > _DEEPEST_ELEMENT:
        return "".join(map(str, element.itertext()))
    parts: list[str] = [element.text or ""]
    for child in element:
        name = name_of(child)
        if name == "s":
            count = attribute(child, "c") or "1"
            parts.append(" " * min(int(count) if count.isdigit() else 1, _MOST_SPACES))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        elif name == "ruby-text":  # how a word is pronounced
            parts.append(f"({inline_text(child, None, depth + 1)})")
        elif name and name not in ("note", "annotation", *_NOT_TEXT) and not is_drawing(child):
            words = inline_text(child, addresses, depth + 1)
            href = attribute(child, "href") if name == "a" and addresses else None
            address = addresses.beside(words, href, is_relative_kept=True) if addresses and href else ""
            parts.append(with_address(words, address) if address else words)
        parts.append(child.tail or "")
    return "".join(parts)


class Body:
    """Writes the elements of a body. `numbered` are the list styles whose first level has numbers."""

    def __init__(self, package: Package, writer: Writer, numbered: set[str]) -> None:
        self._package = package
        self._writer = writer
        self._numbered = numbered
        self._depth = self._level = 0
        self._objects = Objects()
        self.addresses = Addresses()
        self._images = self._media = 0
        self._has_deletions = False

    def write(self, root: etree._Element) -> None:
        """Write all paragraphs, lists, tables and drawings below an element."""
        self._level += 1
        for child in root:
            name = name_of(child)
            if self._level > _DEEPEST_ELEMENT:  # the text is read all the same, without the structure around it
                self._writer.add("text", "\n".join(self._texts(child)))
            elif name and name not in _NOT_TEXT and not name.endswith("-source"):
                self._write_element(child, name)
        self._level -= 1

    def finish(self) -> None:
        """Write the embedded files, and warn about parts that were not read."""
        self._objects.write(self._package, self._writer)
        for count, one, several in (
            (self._images, "1 image has no description and was", "{} images have no description and were"),
            (self._media, "1 film or other object was", "{} films or other objects were"),
        ):
            if count:
                self._writer.warn(f"{one if count == 1 else several.format(count)} not read.")
        if self._has_deletions:
            self._writer.warn("Deleted text that the document keeps as tracked changes was not read.")
        for warning in self.addresses.warnings():
            self._writer.warn(warning)
        self._package.warn(self._writer)

    def _write_element(self, element: etree._Element, name: str) -> None:
        match name:
            case "h" | "p":
                self._write_paragraph(element, is_heading=name == "h")
            case "list":
                self._write_list(element, 0, attribute(element, "style-name") or "")
            case "table":
                self._write_table(element)
            case "note":
                self._writer.add("text", f"Note: {' '.join(self._texts(element))}")
            case "annotation":
                author = element.findtext("{*}creator")
                words = " ".join(self._texts(element))
                self._writer.add("text", f"Comment{f' by {author}' if author else ''}: {words}" if words else "")
            case "image":
                self._write_image(element)
            case "frame":
                self._write_frame(element)
            case "tracked-changes":
                self._has_deletions |= next(element.iter("{*}p", "{*}h"), None) is not None
            case "forms":
                self._writer.add("text", "\n".join(form_lines(element)))
            case _ if name in _MEDIA:
                self._media += 1
            case _:
                self.write(element)
                target = attribute(element, "href") if name == "a" else None  # of a drawing
                self._writer.add("text", self.addresses.beside("", target, is_relative_kept=True))

    def _write_paragraph(self, element: etree._Element, *, is_heading: bool) -> None:
        text = self._words(element)
        if is_heading:
            level = attribute(element, "outline-level") or "1"
            level_number = min(int(level) if level.isdigit() else 1, 9)
            self._writer.add("heading", " ".join(text.split()), level=level_number)
        else:
            self._writer.add("text", text)
        self._write_inside(element)

    def _write_table(self, table: etree._Element) -> None:
        self._writer.add_table([[" ".join(self._texts(cell)) for cell in row] for row in table_rows(table)])
        for row in table_rows(table):
            for cell in row:
                self._write_inside(cell)

    def _words(self, paragraph: etree._Element) -> str:
        return inline_text(paragraph, self.addresses)

    def _texts(self, element: etree._Element) -> Iterator[str]:
        for paragraph in element.iter("{*}p", "{*}h"):
            if text := " ".join(self._words(paragraph).split()):
                yield text

    def _write_inside(self, element: etree._Element) -> None:
        """Write the objects that are anchored in a paragraph: notes, comments, text boxes and images."""
        self._level += 1
        for node in element:
            name = name_of(node)
            if name in ("note", "annotation") or is_drawing(node):
                self._write_element(node, name)
            elif name and self._level <= _DEEPEST_ELEMENT:
                self._write_inside(node)
        self._level -= 1

    def _write_list(self, element: etree._Element, depth: int, style: str) -> None:
        if depth > _DEEPEST_ELEMENT:
            self._writer.add("text", "\n".join(self._texts(element)))
            return
        number = 0
        for item in element:
            is_item = name_of(item) == "list-item"
            number += is_item
            is_first = is_item  # the header of a list has no number
            for child in item:
                name = name_of(child)
                if name == "list":
                    self._write_list(child, depth + 1, attribute(child, "style-name") or style)
                elif name in ("p", "h"):
                    marker = f"{number}. " if style in self._numbered else "- "
                    text = self._words(child).strip()
                    if text:
                        self._writer.add("item", f"{marker if is_first else ''}{text}")
                    is_first = False
                    self._write_inside(child)
                elif name and name not in _NOT_TEXT:
                    self._write_element(child, name)

    def _write_frame(self, frame: etree._Element) -> None:
        """Write the first readable representation in a frame: the others show the same."""
        for child in frame:
            name = name_of(child)
            if name in ("object", "object-ole"):
                if self._write_object(child, name):
                    return
            elif name != "title" and name not in _NOT_TEXT:
                self._write_element(child, name)

    def _write_object(self, element: etree._Element, name: str) -> bool:
        """Write a chart, a formula or another document in a frame; returns whether it was one."""
        href = (attribute(element, "href") or "").removeprefix("./").rstrip("/")
        part = self._package.xml(f"{href}/content.xml") if href and self._depth < _DEEPEST_OBJECT else None
        if part is None:
            is_there = name == "object-ole" and bool(href) and self._package.read(href) is not None
            self._objects.add(href if is_there else None, "")
            return False
        self._depth += 1
        if name_of(part) == "math":
            self._writer.add("text", formula_text(part))
        elif (body := part.find("{*}body")) is not None:
            self.write(body)
        self._depth -= 1
        return True

    def _write_image(self, image: etree._Element) -> None:
        frame = image.getparent()
        described = " ".join(filter(None, (frame.findtext("{*}title"), frame.findtext("{*}desc"))))
        if described.strip():
            self._writer.add("text", described)
        elif next(frame.iterchildren("{*}object", "{*}object-ole"), None) is None:
            self._images += 1


def table_rows(table: etree._Element) -> Iterator[list[etree._Element]]:
    """The cells of each row of a table, also of those in groups and headers."""
    for row in table.iter("{*}table-row"):
        yield list(row.iterchildren("{*}table-cell", "{*}covered-table-cell"))


def numbered_styles(*roots: etree._Element | None) -> set[str]:
    """The names of the list styles that number their items."""
    return {
        attribute(style, "name") or ""
        for root in roots
        if root is not None
        for style in root.iter("{*}list-style")
        if next(style.iterchildren("{*}list-level-style-number"), None) is not None
    }
