"""HTML pages: the visible text, without the navigation."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree, html

from svc.ingest.parsers.characters import clean_text, decode_text

_CHARSET = re.compile(rb"""(?:charset|<\?xml[^>]{1,80}encoding)\s*=\s*["']?\s*([a-z0-9_:.+-]{2,40})""", re.IGNORECASE)
# Browsers interpret these names as supersets of the encodings that they name.
_WEB_CHARSETS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "tis-620": "cp874",
}  # fmt: skip
_NOT_FOR_READING = (
    "script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "svg", "canvas", "audio",
    "video", "button", "select", "textarea",
)  # fmt: skip
_PADDING = re.compile(r"(?<=\S)[ \t]{3,}")
_TITLE_MOST_CHARACTERS = 300  # the title is stored with every chunk
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_INSCRIPTIS = ParserConfig(display_images=False, display_links=False)


def parse_html(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the visible text of the page, with its `title`."""
    source = clean_text(decode_text(data, _declared_charset(data)))
    # lxml rejects an encoding declaration in a decoded string.
    source = re.sub(r"^\s*<\?xml[^>]*>", "", source)
    parser = html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    if not source.strip():
        return
    tree = html.document_fromstring(source, parser=parser)
    title = " ".join((tree.findtext(".//head/title") or "").split())[:_TITLE_MOST_CHARACTERS]
    etree.strip_elements(tree, *_NOT_FOR_READING, with_tail=False)
    body = Inscriptis(tree, _INSCRIPTIS).get_text()
    # Inscriptis pads table cells to equal width, which costs tokens.
    body = _BLANK_LINES.sub("\n\n", _PADDING.sub("  ", body)).strip("\n")
    if title and title not in body[:1000]:
        body = f"{title}\n\n{body}"
    yield body, {"title": clean_text(title)} if title else {}


def _declared_charset(data: bytes) -> str | None:
    found = _CHARSET.search(data[:4096])
    if not found:
        return None
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name
    except LookupError:
        return None
    name = _WEB_CHARSETS.get(name, name)
    # Python has codecs that are no charsets: they decompress, unescape or encode domain names.
    return name if re.match(r"(?:iso|cp|windows|koi8|big5|euc|gb|mac|tis|johab)", name) else None
