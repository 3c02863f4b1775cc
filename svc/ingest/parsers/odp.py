"""OpenDocument presentations (.odp)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.office import packed
from svc.ingest.parsers.opendocument import (
    Body,
    attribute,
    inline_text,
    is_drawing,
    name_of,
    numbered_styles,
    open_content,
)
from svc.ingest.parsers.rejections import damaged

_NOT_CONTENT = ("date-time", "footer", "header", "page-number")

SAMPLE = packed({
    "mimetype": "application/vnd.oasis.opendocument.presentation",
    "content.xml": "<d><body><presentation><page/></presentation></body></d>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the slides in their order, each with its notes (`slide`)."""
    package, content = open_content("odp", data)
    root = package.xml_of("content.xml", content)
    show = root.find("{*}body/{*}presentation") if root is not None else None
    if show is None and root is not None:
        show = root.find("{*}body/{*}drawing")
    if show is None:
        raise damaged("odp", "it has no presentation")
    writer = Writer()
    styles = package.xml("styles.xml")
    body = Body(package, writer, numbered_styles(root, styles))
    for number, page in enumerate(show.iterfind("{*}page"), 1):
        writer.place = {"slide": number}
        _write_page(page, body, writer)
    writer.place = {"part": "layout"}
    for text in dict.fromkeys(_common_texts(show, styles)):
        writer.add("text", text)
    writer.place = {}
    body.finish()
    return writer.document()


def _common_texts(show: etree._Element, styles: etree._Element | None) -> Iterator[str]:
    """The texts that all slides show: the footers, and the texts of their masters."""
    for declared in show.iterfind("{*}footer-decl"):
        yield inline_text(declared)
    for master in styles.iter("{*}master-page") if styles is not None else ():
        for shape in master:
            if is_drawing(shape) and attribute(shape, "class") is None:
                yield "\n".join(filter(None, (inline_text(each).strip() for each in shape.iter("{*}p"))))


def _write_page(page: etree._Element, body: Body, writer: Writer) -> None:
    shapes = [each for each in page if attribute(each, "class") not in _NOT_CONTENT]
    # Titles first, wherever they are.
    for shape in sorted(shapes, key=lambda each: attribute(each, "class") != "title"):
        if name_of(shape) == "notes":
            words = "\n".join(filter(None, (inline_text(each, body.addresses).strip() for each in shape.iter("{*}p"))))
            writer.add("text", f"Notes: {words}" if words else "")
        elif attribute(shape, "class") == "title":
            words = " ".join(" ".join(inline_text(each, body.addresses) for each in shape.iter("{*}p")).split())
            writer.add("heading", words, level=1)
        else:
            wrapper = etree.Element("page")
            wrapper.append(shape)
            body.write(wrapper)
