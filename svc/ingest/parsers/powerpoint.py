"""PowerPoint presentations (.pptx): slide by slide, with notes and comments."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.charts import write_chart
from svc.ingest.parsers.office import Package, Relationship, drawing_texts, packed, relationship_id
from svc.ingest.parsers.rejections import damaged
from svc.ingest.unread import numbers

_TITLES = ("title", "ctrTitle")
_NOT_CONTENT = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def parse(data: bytes) -> ReadDocument:
    """Return the slides in the order of the show, each with its notes (`slide`)."""
    package = Package("pptx", data)
    main = package.main_part or "ppt/presentation.xml"
    presentation = package.xml(main)
    if presentation is None:
        raise damaged("pptx", "its main part is missing or damaged")
    writer = Writer()
    parts = {each.id: each.part for each in package.relationships(main)}
    hidden, unread, images = [], [], []
    for number, identifier in enumerate(presentation.iterfind("{*}sldIdLst/{*}sldId"), 1):
        part = parts.get(relationship_id(identifier) or "")
        root = package.xml(part) if part else None
        if part is None or root is None:
            unread.append(number)
            continue
        if root.get("show") == "0":
            hidden.append(number)
        writer.place = {"slide": number}
        slide = _Slide(package, part, writer)
        slide.write(root)
        if slide.images:
            images.append(number)
    writer.place = {}
    _warn(writer, unread, "{} missing or damaged and was not read", "{} missing or damaged and were not read")
    _warn(writer, images, "{} images without a description", "{} images without a description", verb=("has", "have"))
    if hidden:
        writer.warn(f"Hidden slides were read too: {numbers(hidden)}.")
    return writer.document()


def _warn(writer: Writer, slides: list[int], one: str, several: str, verb: tuple[str, str] = ("is", "are")) -> None:
    if len(slides) == 1:
        writer.warn(f"Slide {slides[0]} {one.format(verb[0])}.")
    elif slides:
        writer.warn(f"Slides {numbers(slides)} {several.format(verb[1])}.")


class _Slide:
    def __init__(self, package: Package, part: str, writer: Writer) -> None:
        self._package = package
        self._writer = writer
        self._related: dict[str, Relationship] = {each.id: each for each in package.relationships(part)}
        self.images = 0

    def write(self, root: etree._Element) -> None:
        """Write the title, then the shapes in their order, then the notes and the comments."""
        shapes = list(_shapes(root))
        shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
        for shape in shapes:
            self._write_shape(shape)
        for related in self._related.values():
            part = self._package.xml(related.part) if related.kind in ("notesSlide", "comments") else None
            if part is None:
                continue
            if related.kind == "comments":
                for comment in part.iter("{*}cm"):
                    words = " ".join(node.text or "" for node in comment.iter("{*}text", "{*}t")).strip()
                    self._writer.add("text", f"Comment: {words}" if words else "")
                continue
            notes = [
                text
                for shape in _shapes(part)
                if _placeholder(shape) not in _NOT_CONTENT
                for text in drawing_texts(shape)
            ]
            self._writer.add("text", "Notes: " + "\n".join(notes) if notes else "")

    def _write_shape(self, shape: etree._Element) -> None:
        name = _name(shape)
        kind = _placeholder(shape)
        if kind in _NOT_CONTENT:
            return
        if name == "pic":
            self._write_image(shape)
        elif name == "graphicFrame":
            self._write_frame(shape)
        elif kind in _TITLES:
            self._writer.add("heading", " ".join(" ".join(drawing_texts(shape)).split()), level=1)
        else:
            is_item = kind in ("body", "obj", "")
            for text in drawing_texts(shape):
                self._writer.add("item" if is_item else "text", f"- {text}" if is_item else text)

    def _write_image(self, shape: etree._Element) -> None:
        properties = shape.find("{*}nvPicPr/{*}cNvPr")
        described = (properties.get("descr") or "").strip() if properties is not None else ""
        if described:
            self._writer.add("text", described)
        else:
            self.images += 1

    def _write_frame(self, frame: etree._Element) -> None:
        for table in frame.iter("{*}tbl"):
            rows = [
                [" ".join(drawing_texts(cell)) for cell in row.iterfind("{*}tc")] for row in table.iterfind("{*}tr")
            ]
            self._writer.add_table(rows)
        for node in frame.iter("{*}chart", "{*}relIds"):
            is_chart = _name(node) == "chart"
            related = self._related.get(relationship_id(node, "id" if is_chart else "dm") or "")
            part = self._package.xml(related.part) if related else None
            if part is None:
                self._writer.warn("A chart or a diagram was not read: its part is missing or damaged.")
            elif is_chart:
                write_chart(part, self._writer)
            else:
                self._writer.add("text", "\n".join(drawing_texts(part)))


def _shapes(root: etree._Element) -> Iterator[etree._Element]:
    """The shapes of a slide, also those in groups."""
    tree = root.find("{*}cSld/{*}spTree")
    for node in tree.iter("{*}sp", "{*}pic", "{*}graphicFrame") if tree is not None else ():
        if not any(_name(above) in ("Fallback", "graphicFrame") for above in node.iterancestors()):
            yield node


def _placeholder(shape: etree._Element) -> str | None:
    """What a shape is the placeholder of; empty for the body, None if it is none."""
    holder = shape.find(".//{*}nvPr/{*}ph")
    return (holder.get("type") or "") if holder is not None else None


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


SAMPLE = packed({"ppt/presentation.xml": "<p><sldIdLst/></p>"})
