"""Mails (.eml): the headers that people read, the body, and the attachments that can be read.

Files that are attached to messages of another format are written here too, since one of them may be a mail.
"""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage, MIMEPart

from svc.errors import CabinetError
from svc.fields.charsets import text_codec
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.file_types import detect_file_type
from svc.ingest.parsers import recognition
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.html import write_html
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.noise import without_noise

MOST_PARTS = 500
"""The attachments of one mail that are read."""

DEEPEST_MAIL = 2
"""How many mails a mail may be inside of."""

_SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_HEADER_MOST_CHARACTERS = 2_000
_SUBJECT_MOST_CHARACTERS = 200

SAMPLE = (
    b"Subject: =?utf-8?q?a?=\nContent-Type: text/html; charset=iso-8859-1\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\n<p>a"
)


def parse(data: bytes) -> ReadDocument:
    """Return the mail, and below their names (`attachment`) its attachments."""
    writer = Writer()
    _write_mail(_read(data), writer, 0)
    return writer.document()


def _read(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data.lstrip(), _class=EmailMessage, policy=email.policy.default)


def _write_mail(message: MIMEPart, writer: Writer, depth: int) -> None:
    headers = [(name, header) for name in _SHOWN_HEADERS if (header := _header(message, name))]
    subject = dict(headers).get("Subject", "")
    if subject and depth == 0:
        writer.title = subject[:_SUBJECT_MOST_CHARACTERS]
    writer.add("text", "\n".join(f"{name}: {header}" for name, header in headers))
    body = _body(message)
    if body is not None:
        _write_body(body, writer)
    place, unread = writer.place, []
    for number, part in enumerate(message.walk()):
        if part is message or part is body or (part.is_multipart() and part.get_content_type() != "message/rfc822"):
            continue
        if number > MOST_PARTS:
            writer.warn(f"The mail has more than {MOST_PARTS} parts; the others were not read.")
            break
        if _is_alternative(part, message, body):
            continue
        name = _filename(part)
        writer.place = {**place, "attachment": name}
        if not _write_attachment(part, name, writer, depth):
            unread.append(name)
    writer.place = place
    if unread:
        writer.warn(f"Attachments that were not read: {', '.join(unread)}.")


def _header(message: MIMEPart, name: str) -> str:
    """A header as people read it, whatever the encoding; as it stands if it cannot be decoded."""
    try:
        value = str(message.get(name) or "")
    except Exception:  # noqa: BLE001 - the library raises anything on broken headers
        value = next((raw for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(clean_text(value).split())[:_HEADER_MOST_CHARACTERS]


def _body(message: MIMEPart) -> MIMEPart | None:
    try:
        found = message.get_body(("html", "plain"))
    except Exception:  # noqa: BLE001 - the library raises anything on broken parts
        found = None
    plain = message.get_body(("plain",)) if found is not None and found.get_content_type() == "text/html" else None
    # The plain text is what was written, unless it is only a note that there is HTML.
    if plain is not None and len(_content(plain).strip()) > 200:
        return plain
    return found


def _is_alternative(part: MIMEPart, message: MIMEPart, body: MIMEPart | None) -> bool:
    """Whether a part says the same as the body in another format."""
    if part.get_content_type() not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
        return False
    return any(
        each.get_content_type() == "multipart/alternative" and {part, body} <= set(each.walk())
        for each in message.walk()
    )


def _content(part: MIMEPart) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = part.get_content_charset()
    return decode_text(data, text_codec(charset) if charset and charset.lower() not in ("utf-8", "us-ascii") else None)


def _write_body(part: MIMEPart, writer: Writer) -> None:
    text = clean_text(_content(part))
    if part.get_content_type() == "text/html":
        title = writer.title
        write_html(text, writer)
        writer.title = title
        return
    text, warnings = without_noise(text)
    for warning in warnings:
        writer.warn(warning)
    writer.add("text", text)


def _filename(part: MIMEPart) -> str:
    try:
        name = part.get_filename()
    except Exception:  # noqa: BLE001 - the library raises anything on broken headers
        name = None
    return shown_name(name or part.get_content_type())


def _write_attachment(part: MIMEPart, name: str, writer: Writer, depth: int) -> bool:
    """Write an attachment, and return whether it could be read."""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return isinstance(first, MIMEPart) and _write_forwarded(first, name, writer, depth)
    data = part.get_payload(decode=True)
    return isinstance(data, bytes) and write_attached(name, data, writer, depth)


def write_attached(name: str, data: bytes, writer: Writer, depth: int) -> bool:
    """Write an attached file below its name, and return whether it could be read. The message is `depth` mails deep."""
    try:
        is_mail = detect_file_type(name, data, images=recognition.is_on()) == "mail"
    except CabinetError:  # a type that cannot be read, or an empty file
        return False
    return _write_forwarded(_read(data), name, writer, depth) if is_mail else write_inner(name, data, writer)


def shown_name(name: str) -> str:
    """Return the name of an attachment without folders."""
    shown = " ".join(clean_text(name).split())
    return re.split(r"[/\\]", shown)[-1][:100] or "attachment"


def _write_forwarded(message: MIMEPart, name: str, writer: Writer, depth: int) -> bool:
    if depth >= DEEPEST_MAIL:
        return False
    writer.add("heading", name, level=1)
    _write_mail(message, writer, depth + 1)
    return True
