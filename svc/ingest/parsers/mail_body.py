"""The body of a mail: its plain text, its HTML, or both if neither is complete."""

from __future__ import annotations

import re
from email.message import MIMEPart

from svc.fields.charsets import text_codec
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.addresses import is_shown
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.mail_repair import without_files
from svc.ingest.parsers.markup_parts import Seen
from svc.ingest.parsers.noise import without_noise

_SHORT_CHARACTERS = 200  # a shorter plain text may only say that there is HTML
_MOST_MISSING = 0.1
_MARK = re.compile(r"<param>.*?</param>|(?<!<)</?[A-Za-z][\w-]{0,60}>", re.DOTALL)
_WORD = re.compile(r"\w{3,}")
_SIGNATURE = "-- "


def body_parts(message: MIMEPart) -> list[MIMEPart]:
    """The plain text and the HTML of a mail, as far as it has them."""
    found = []
    for kind in ("plain", "html"):
        try:
            part = message.get_body((kind,))
        except Exception:  # noqa: BLE001 - the library raises anything on broken parts
            part = None
        if part is not None:
            found.append(part)
    if len(found) > 1 and not _are_alternatives(message, found):
        return [next(part for part in message.walk() if part in found)]  # the other one says something else
    return found


def _are_alternatives(message: MIMEPart, parts: list[MIMEPart]) -> bool:
    return any(
        each.get_content_type() == "multipart/alternative" and set(parts) <= set(each.walk()) for each in message.walk()
    )


def write_body(parts: list[MIMEPart], writer: Writer) -> tuple[str, list[tuple[str, bytes]]]:
    """Write the plain text, unless the HTML contains more.

    Return the written text, and the files that were in the plain text.
    """
    files: list[tuple[str, bytes]] = []
    plain = next((_plain(part, files) for part in parts if part.get_content_type() == "text/plain"), None)
    html = next((part for part in parts if part.get_content_type() == "text/html"), None)
    body = Writer()
    _write_forms(plain, html, body)
    document = body.document()
    writer.add_blocks(document)
    return document.text, files


def _write_forms(plain: ReadDocument | None, html: MIMEPart | None, writer: Writer) -> None:
    if html is None:
        if plain is not None:
            writer.add_blocks(plain)
        return
    seen = Seen()
    page = _page(html, seen)
    if plain is None or not plain.text.strip():
        writer.add_blocks(page)
        return
    given = seen.addresses.given
    is_short = len(plain.text.strip()) <= _SHORT_CHARACTERS
    if not is_short and (not page.blocks or _missing(page.text, f"{plain.text} {' '.join(given)}") <= _MOST_MISSING):
        writer.add_blocks(plain)
        links = {address: words for address, words in given.items() if not is_shown(address, plain.text)}
        writer.add("text", "\n".join(f"{words}: {address}" if words else address for address, words in links.items()))
        return
    if not is_short and _missing(plain.text, page.text) > _MOST_MISSING:
        writer.add_blocks(plain)
    writer.add_blocks(page if page.blocks else plain)


def write_text(part: MIMEPart, writer: Writer, body: str) -> None:
    """Write a part of text in a mail without a name, unless it is a page that the body has as text."""
    if part.get_content_type() != "text/html":
        writer.add_blocks(_plain(part))
        return
    page = _page(part, Seen())
    if not body.strip() or _missing(page.text, body) > _MOST_MISSING:
        writer.add_blocks(page)


def says_same(text: str, other: str) -> bool:
    """Whether another text has nearly all words of a text."""
    return _missing(text, other) <= _MOST_MISSING


def _missing(text: str, other: str) -> float:
    """The share of the different words of a text that another one has not."""
    words, others = (set(_WORD.findall(each.lower())) for each in (text, other))
    return len(words - others) / len(words) if words else 0.0


def _page(part: MIMEPart, seen: Seen) -> ReadDocument:
    page = Writer()
    write_html(clean_text(_content(part)), page, seen)
    seen.warn(page)
    return page.document()


def _plain(part: MIMEPart, files: list[tuple[str, bytes]] | None = None) -> ReadDocument:
    text = clean_text(_content(part))
    if part.get_content_type() in ("text/enriched", "text/richtext"):
        text = _MARK.sub("", text).replace("<<", "<")
    if files is not None:
        text, found = without_files(text)
        files += found
    if str(part.get_param("format") or "").lower() == "flowed":
        text = _unfolded(text, joint="" if str(part.get_param("delsp") or "").lower() == "yes" else " ")
    text, warnings = without_noise(text)
    plain = Writer()
    plain.add("text", text)
    for warning in warnings:
        plain.warn(warning)
    return plain.document()


def _unfolded(text: str, joint: str) -> str:
    """The text with joined lines that were divided only for the transport (RFC 3676)."""
    lines: list[str] = []
    is_open = False
    for line in text.split("\n"):
        is_quoted = line.startswith(">")
        words = line[1:] if line.startswith(" ") else line
        if is_open and not is_quoted and words != _SIGNATURE:
            lines[-1] += words.rstrip(" ")
        else:
            lines.append(words.rstrip(" "))
        is_open = words.endswith(" ") and words != _SIGNATURE and not is_quoted
        if is_open:
            lines[-1] += joint
    return "\n".join(lines)


def _content(part: MIMEPart) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        payload = part.get_payload()  # of a mail in parts whose boundary is missing
        return payload if isinstance(payload, str) else ""
    charset = part.get_content_charset()
    return decode_text(data, text_codec(charset) if charset and charset.lower() not in ("utf-8", "us-ascii") else None)
