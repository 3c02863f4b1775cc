"""OpenDocument texts (.odt)."""

from __future__ import annotations

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.office import packed, parse_xml
from svc.ingest.parsers.opendocument import Body, numbered_styles, open_content
from svc.ingest.parsers.rejections import damaged

SAMPLE = packed({
    "mimetype": "application/vnd.oasis.opendocument.text",
    "content.xml": "<d><body><text><p>a</p></text></body></d>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the text with its notes and comments, then the headers and footers (`part`)."""
    package, content = open_content("odt", data)
    root, styles = parse_xml(content), package.xml("styles.xml")
    text = root.find("{*}body/{*}text")
    if text is None:
        raise damaged("odt", "it has no text")
    writer = Writer()
    body = Body(writer, numbered_styles(root, styles))
    body.write(text)
    for part in styles.iter("{*}header", "{*}footer") if styles is not None else ():
        writer.place = {"part": str(part.tag).rpartition("}")[2]}
        body.write(part)
    writer.place = {}
    body.warn()
    return writer.document()
