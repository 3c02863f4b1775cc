"""OpenDocument texts (.odt)."""

from __future__ import annotations

from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.office import packed
from svc.ingest.parsers.opendocument import Body, name_of, numbered_styles, open_content
from svc.ingest.parsers.rejections import damaged

_EDGES = [f"{{*}}{edge}{which}" for edge in ("header", "footer") for which in ("", "-left", "-first")]

SAMPLE = packed({
    "mimetype": "application/vnd.oasis.opendocument.text",
    "content.xml": "<d><body><text><p>a</p></text></body></d>",
})  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the text with its notes and comments, then the headers and footers (`part`)."""
    package, content = open_content("odt", data)
    root, styles = package.xml_of("content.xml", content), package.xml("styles.xml")
    text = root.find("{*}body/{*}text") if root is not None else None
    if text is None:
        raise damaged("odt", "it has no text")
    writer = Writer()
    body = Body(package, writer, numbered_styles(root, styles))
    body.write(text)
    seen: set[str] = set()
    for part in styles.iter(*_EDGES) if styles is not None else ():
        words = " ".join(" ".join(map(str, part.itertext())).split())
        if words in seen:  # the pages on the left, or the first one, mostly repeat it
            continue
        seen.add(words)
        writer.place = {"part": name_of(part).partition("-")[0]}
        body.write(part)
    writer.place = {}
    body.finish()
    return writer.document()
