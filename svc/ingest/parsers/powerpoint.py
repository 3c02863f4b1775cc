"""PowerPoint presentations (.pptx): slide by slide, with notes and comments."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import Addresses
from svc.ingest.parsers.charts import write_chart_or_diagram
from svc.ingest.parsers.drawing_text import drawing_texts
from svc.ingest.parsers.embedded import Objects
from svc.ingest.parsers.office import Package, Relationship, packed, relationship_id
from svc.ingest.parsers.rejections import DAMAGE, damaged
from svc.ingest.unread import numbers

_TITLES = ("title", "ctrTitle")
_NOT_CONTENT = ("sldNum", "dt", "hdr", "sldImg")
_FILMS = ("{*}videoFile", "{*}audioFile", "{*}quickTimeFile", "{*}wavAudioFile")


def parse(data: bytes) -> ReadDocument:
    """Return the slides in the order of the show, each with its notes (`slide`), then the text of their layouts."""
    package = Package("pptx", data)
    main = package.main_part or "ppt/presentation.xml"
    slides = _slides(package, main)
    writer = Writer()
    show = _Show(package, writer)
    hidden, unread = [], []
    for number, part in enumerate(slides, 1):
        root = package.xml(part) if part else None
        if part is None or root is None:
            unread.append(number)
            continue
        if root.get("show") == "0":
            hidden.append(number)
        writer.place = {"slide": number}
        try:
            _Slide(show, part, number).write(root)
        except DAMAGE:
            unread.append(number)
    writer.place = {}
    show.write_layouts()
    show.objects.write(package, writer)
    _warn(writer, unread, "{} missing or damaged and was not read",
          "{} missing or damaged and were not read")  # fmt: skip
    has = ("has", "have")
    _warn(writer, show.images, "{} images without a description", "{} images without a description", verb=has)
    _warn(writer, show.films, "{} a film or a recording, which was not read",
          "{} films or recordings, which were not read", verb=has)  # fmt: skip
    if hidden:
        writer.warn(f"Hidden slides were also read: {numbers(hidden)}.")
    for warning in show.addresses.warnings():
        writer.warn(warning)
    package.warn(writer)
    return writer.document()


def _slides(package: Package, main: str) -> list[str | None]:
    """The parts of the slides in the order of the show; None where there is none.

    If the list of the show is damaged, missing slides are ordered by their numbers.
    """
    presentation = package.xml(main)
    if presentation is None:
        if not (found := package.all_of(main, "slide")):
            raise damaged("pptx", "its main part is missing or damaged")
        return list(found)
    parts: dict[str, str] = {each.id: each.part for each in package.relationships(main) if each.id}
    listed = [relationship_id(each) or "" for each in presentation.iterfind("{*}sldIdLst/{*}sldId")]
    is_whole = main not in package.repaired
    if is_whole and all(each in parts for each in listed):
        return [parts[each] for each in listed]
    used = {parts[each].lower() for each in listed if each in parts}
    others = iter([each for each in package.all_of(main, "slide") if each not in used])
    slides = [parts[each] if each in parts else next(others, None) for each in listed]
    return slides if is_whole else [*slides, *others]


def _warn(writer: Writer, slides: list[int], one: str, several: str, verb: tuple[str, str] = ("is", "are")) -> None:
    if len(slides) == 1:
        writer.warn(f"Slide {slides[0]} {one.format(verb[0])}.")
    elif slides:
        writer.warn(f"Slides {numbers(slides)} {several.format(verb[1])}.")


class _Show:
    """The common parts of the slides, and the objects found on them."""

    def __init__(self, package: Package, writer: Writer) -> None:
        self.package = package
        self.writer = writer
        self.objects = Objects()
        self.addresses = Addresses()
        self.images: list[int] = []
        self.films: list[int] = []
        self.footers: set[str] = set()
        self.layouts: dict[str, None] = {}

    def write_layouts(self) -> None:
        """Write the text that the layouts and their masters add to the slides, once."""
        masters: dict[str, None] = {}
        for layout in self.layouts:
            masters |= {each.part: None for each in self.package.relationships(layout) if each.kind == "slideMaster"}
        texts: dict[str, None] = {}
        for part in [*self.layouts, *masters]:
            root = self.package.xml(part)
            for shape in _shapes(root) if root is not None else ():
                if shape.find(".//{*}nvPr/{*}ph") is None:
                    texts |= dict.fromkeys(drawing_texts(shape))
        self.writer.place = {"part": "layout"}
        self.writer.add("text", "\n".join(text for text in texts if text not in self.footers))
        self.writer.place = {}


class _Slide:
    def __init__(self, show: _Show, part: str, number: int) -> None:
        self._show = show
        self._number = number
        self._package = show.package
        self._writer = show.writer
        self._related: dict[str, Relationship] = {each.id: each for each in show.package.relationships(part)}
        self._targets = show.package.targets(part)

    def write(self, root: etree._Element) -> None:
        """Write the title, then the shapes in their order, then the notes and the comments."""
        etree.strip_elements(root, "{*}Fallback", with_tail=False)  # for old readers
        shapes = list(_shapes(root))
        shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
        for shape in shapes:
            self._write_shape(shape)
        for related in self._related.values():
            if related.kind == "slideLayout":
                self._show.layouts[related.part] = None
            part = self._package.xml(related.part) if related.kind in ("notesSlide", "comments") else None
            if part is None:
                continue
            if related.kind == "comments":
                for comment in part.iter("{*}cm", "{*}reply"):
                    words = " ".join(_own_words(comment)).strip()
                    self._writer.add("text", f"Comment: {words}" if words else "")
                continue
            targets = self._package.targets(related.part)
            notes = [
                text
                for shape in _shapes(part)
                if _placeholder(shape) not in (*_NOT_CONTENT, "ftr")
                for text in drawing_texts(shape, targets, self._show.addresses)
            ]
            self._writer.add("text", "Notes: " + "\n".join(notes) if notes else "")

    def _texts(self, element: etree._Element) -> list[str]:
        return list(drawing_texts(element, self._targets, self._show.addresses))

    def _write_shape(self, shape: etree._Element) -> None:
        name = _name(shape)
        kind = _placeholder(shape) if name in ("sp", "pic", "graphicFrame") else None
        if kind in _NOT_CONTENT:
            return
        if kind == "ftr":  # the same on each slide
            text = " ".join(self._texts(shape))
            if text not in self._show.footers:
                self._show.footers.add(text)
                self._writer.add("text", text)
        elif name == "pic":
            self._write_image(shape)
        elif name == "graphicFrame":
            self._write_frame(shape)
        elif kind in _TITLES:
            self._writer.add("heading", " ".join(" ".join(self._texts(shape)).split()), level=1)
        elif name == "sp":
            is_item = kind in ("body", "obj", "")
            for text in self._texts(shape):
                self._writer.add("item" if is_item else "text", f"- {text}" if is_item else text)
            # Most shapes are described only by the program that made them, which says that they have text.
            if not any(True for _ in drawing_texts(shape)):
                self._writer.add("text", _description(shape))
        else:
            self._writer.add("text", _description(shape))
        self._write_link(shape)

    def _write_link(self, shape: etree._Element) -> None:
        """Write where a click on the shape itself leads."""
        link = shape.find("./*/{*}cNvPr/{*}hlinkClick")
        target = self._targets.get(relationship_id(link) or "", "") if link is not None else ""
        self._writer.add("text", self._show.addresses.beside("", target, is_relative_kept=True))

    def _write_image(self, shape: etree._Element) -> None:
        is_film = next(shape.iter(*_FILMS), None) is not None
        if described := _description(shape):
            self._writer.add("text", described)
        elif not is_film and self._number not in self._show.images:
            self._show.images.append(self._number)
        if is_film and self._number not in self._show.films:
            self._show.films.append(self._number)

    def _write_frame(self, frame: etree._Element) -> None:
        self._writer.add("text", _description(frame))
        for table in frame.iter("{*}tbl"):
            rows = [[" ".join(self._texts(cell)) for cell in row.iterfind("{*}tc")] for row in table.iterfind("{*}tr")]
            self._writer.add_table(rows)
        for node in frame.iter("{*}oleObj"):
            identifier = relationship_id(node) or ""
            related = self._related.get(identifier)
            target = self._targets.get(identifier, "")[:200]
            self._show.objects.add(related.part if related else None, (node.get("progId") or "")[:40], target)
        for node in frame.iter("{*}chart", "{*}relIds"):
            is_chart = _name(node) == "chart"
            related = self._related.get(relationship_id(node, "id" if is_chart else "dm") or "")
            part = self._package.xml(related.part) if related else None
            write_chart_or_diagram(part, self._writer, is_chart=is_chart)


def _shapes(root: etree._Element) -> Iterator[etree._Element]:
    """The shapes of a slide, also those in groups."""
    tree = root.find("{*}cSld/{*}spTree")
    for node in tree.iter("{*}sp", "{*}pic", "{*}graphicFrame", "{*}grpSp", "{*}cxnSp") if tree is not None else ():
        if not any(_name(above) in ("Fallback", "graphicFrame") for above in node.iterancestors()):
            yield node


def _own_words(comment: etree._Element) -> Iterator[str]:
    """The words of a comment, without those of the replies to it."""
    events = etree.iterwalk(comment, events=("start",), tag=("{*}text", "{*}t", "{*}reply"))
    for _, node in events:
        if _name(node) == "reply" and node is not comment:
            events.skip_subtree()
        elif node.text and _name(node) != "reply":
            yield node.text


def _placeholder(shape: etree._Element) -> str | None:
    """The type of a placeholder; empty for the body, None if the shape is not a placeholder."""
    holder = shape.find(".//{*}nvPr/{*}ph")
    return (holder.get("type") or "") if holder is not None else None


def _description(shape: etree._Element) -> str:
    properties = shape.find("./*/{*}cNvPr")
    return (properties.get("descr") or properties.get("title") or "").strip() if properties is not None else ""


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


SAMPLE = packed({"ppt/presentation.xml": "<p><sldIdLst/></p>"})
