"""OpenDocument presentations (.odp)."""

from __future__ import annotations

from lxml import etree

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.office import packed, parse_xml
from svc.ingest.parsers.opendocument import Body, attribute, inline_text, name_of, numbered_styles, open_content
from svc.ingest.parsers.rejections import damaged

_NOT_CONTENT = ("date-time", "footer", "header", "page-number")

SAMPLE = packed({
    "mimetype": "application/vnd.oasis.opendocument.presentation",
    "content.xml": "<d><body><presentation><page/></presentation></body></d>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the slides in their order, each with its notes (`slide`)."""
    package, content = open_content("odp", data)
    root = parse_xml(content)
    show = root.find("{*}body/{*}presentation")
    if show is None:
        raise damaged("odp", "it has no presentation")
    writer = Writer()
    body = Body(writer, numbered_styles(root, package.xml("styles.xml")))
    for number, page in enumerate(show.iterfind("{*}page"), 1):
        writer.place = {"slide": number}
        _write_page(page, body, writer)
    writer.place = {}
    body.warn()
    return writer.document()


def _write_page(page: etree._Element, body: Body, writer: Writer) -> None:
    shapes = [each for each in page if attribute(each, "class") not in _NOT_CONTENT]
    # Titles first, wherever they stand.
    for shape in sorted(shapes, key=lambda each: attribute(each, "class") != "title"):
        if name_of(shape) == "notes":
            words = "\n".join(filter(None, (inline_text(each).strip() for each in shape.iter("{*}p"))))
            writer.add("text", f"Notes: {words}" if words else "")
        elif attribute(shape, "class") == "title":
            words = " ".join(" ".join(inline_text(each) for each in shape.iter("{*}p")).split())
            writer.add("heading", words, level=1)
        else:
            wrapper = etree.Element("page")
            wrapper.append(shape)
            body.write(wrapper)
