"""What all OpenDocument files have in common: one XML part in an archive, paragraphs, lists and tables."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.formats import FileType
from svc.ingest.parsers.office import Package
from svc.ingest.parsers.rejections import damaged, encrypted

_WRAPPERS = (
    "section", "index-body", "table-of-content", "alphabetical-index", "bibliography", "text-box", "frame", "g",
    "custom-shape", "rect", "line", "a", "group",
)  # fmt: skip
_NOT_TEXT = ("tracked-changes", "sequence-decls", "variable-decls", "user-field-decls", "forms", "script",
             "note-citation", "annotation-end")  # fmt: skip
_MOST_SPACES = 100


def open_content(file_type: FileType, data: bytes) -> tuple[Package, bytes]:
    """Return the archive and its main part.

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


def inline_text(element: etree._Element) -> str:
    """The text of a paragraph, without its notes, comments and drawings."""
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
        elif name and name not in ("note", "annotation", "frame", "custom-shape", *_NOT_TEXT):
            parts.append(inline_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


class Body:
    """Writes the elements of a body. `numbered` are the list styles whose first level has numbers."""

    def __init__(self, writer: Writer, numbered: set[str]) -> None:
        self._writer = writer
        self._numbered = numbered
        self.images = 0

    def write(self, root: etree._Element) -> None:
        """Write all paragraphs, lists and tables below an element."""
        for child in root:
            name = name_of(child)
            if name == "h":
                level = attribute(child, "outline-level") or "1"
                self._writer.add(
                    "heading", " ".join(inline_text(child).split()), level=min(int(level) if level.isdigit() else 1, 9)
                )
                self._write_inside(child)
            elif name == "p":
                self._writer.add("text", inline_text(child))
                self._write_inside(child)
            elif name == "list":
                self._write_list(child, 0, attribute(child, "style-name") or "")
            elif name == "table":
                self._writer.add_table([[" ".join(_texts(cell)) for cell in row] for row in table_rows(child)])
            elif name == "image":
                self._write_image(child)
            elif name in _WRAPPERS:
                self.write(child)

    def warn(self) -> None:
        """Note the images without a description."""
        if self.images:
            what = "1 image has" if self.images == 1 else f"{self.images} images have"
            self._writer.warn(f"{what} no description and {'was' if self.images == 1 else 'were'} not read.")

    def _write_inside(self, paragraph: etree._Element) -> None:
        """Write what is anchored in a paragraph: notes, comments, text boxes and images."""
        for node in paragraph.iter("{*}note", "{*}annotation", "{*}frame", "{*}custom-shape"):
            if name_of(node) == "note":
                self._writer.add("text", f"Note: {' '.join(_texts(node))}")
            elif name_of(node) == "annotation":
                author = node.findtext("{*}creator")
                words = " ".join(filter(None, (" ".join(inline_text(each).split()) for each in node.iterfind("{*}p"))))
                self._writer.add("text", f"Comment by {author}: {words}" if author else f"Comment: {words}")
            else:
                self.write(node)

    def _write_list(self, element: etree._Element, depth: int, style: str) -> None:
        for number, item in enumerate(element.iterfind("{*}list-item"), 1):
            is_first = True
            for child in item:
                name = name_of(child)
                if name == "list":
                    self._write_list(child, depth + 1, attribute(child, "style-name") or style)
                elif name in ("p", "h"):
                    marker = f"{number}. " if style in self._numbered else "- "
                    text = inline_text(child).strip()
                    if text:
                        self._writer.add("item", f"{marker if is_first else ''}{text}")
                    is_first = False
                    self._write_inside(child)

    def _write_image(self, image: etree._Element) -> None:
        frame = image.getparent()
        described = " ".join(filter(None, (frame.findtext("{*}title"), frame.findtext("{*}desc"))))
        if described.strip():
            self._writer.add("text", described)
        else:
            self.images += 1


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


def _texts(element: etree._Element) -> Iterator[str]:
    for paragraph in element.iter("{*}p", "{*}h"):
        if text := " ".join(inline_text(paragraph).split()):
            yield text
