"""Mails (.eml): the headers that people read, the body, and the attachments that can be read.

Files that are attached to messages of another format are written here too, since one of them may be a mail.
"""

from __future__ import annotations

import codecs
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from itertools import islice

from svc.errors import CabinetError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.file_types import detect_file_type
from svc.ingest.parsers import recognition, tnef
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.mail_body import body_parts, says_same, write_body, write_text
from svc.ingest.parsers.mail_repair import completed, header
from svc.ingest.parsers.rejections import DAMAGE
from svc.ingest.parsers.signed import signed_content

MOST_PARTS = 500
"""The attachments of one mail that are read."""

DEEPEST_MAIL = 2
"""The maximum nesting depth of mails."""

MOST_MAILS = 1_000
"""The mails of a mailbox that are read."""

_SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Bcc", "Date")
_TEXTS = ("text/plain", "text/html", "text/enriched", "text/richtext")
# Types that the content of a part without a name does not show.
_SUFFIXES = {"text/calendar": ".ics", "text/csv": ".csv", "text/markdown": ".md", "application/json": ".json"}
_SIGNED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# The first says only that the next part is encrypted; the others say who signed, and have no text.
_WITHOUT_TEXT = (
    "application/pgp-encrypted", "application/pgp-signature", "application/pkcs7-signature",
    "application/x-pkcs7-signature",
)  # fmt: skip
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")  # the object identifier of encrypted data (RFC 5652)
_ENVELOPED_WITHIN_BYTES = 64
_MAIL_TYPES = ("message/rfc822", "message/global")
# The line between the mails of a mailbox, with the time, before the first field of the next.
_ENVELOPE = re.compile(rb"^From [^\n]{0,200}\d\d:\d\d[^\n]{0,50}\n(?=[!-9;-~]{1,80}:)", re.MULTILINE)
_HEADER_MOST_CHARACTERS = 2_000
_SUBJECT_MOST_CHARACTERS = 200

SAMPLE = (
    b"Subject: =?utf-8?q?a?=\nContent-Type: text/html; charset=iso-8859-1\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\n<p>a"
)


def parse(data: bytes) -> ReadDocument:
    """Return the mail, or each mail of a mailbox (`mail`), and below their names (`attachment`) the attachments."""
    writer = Writer()
    _write_mails(data, writer, 0)
    return writer.document()


def _write_mails(data: bytes, writer: Writer, depth: int) -> None:
    """Write one mail, or those of a mailbox, each below its subject."""
    if data.startswith(tnef.SIGNATURE):
        _write_packed(data, writer, depth)
        return
    starts = [found.start() for found in islice(_ENVELOPE.finditer(data), MOST_MAILS + 1)]
    if len(starts) < 2 or data[: starts[0]].strip():
        _write_mail(_read(data), writer, depth)
        return
    place = writer.place
    ends = [*starts[1:], len(data)]
    for number, (start, end) in enumerate(zip(starts[:MOST_MAILS], ends, strict=False), 1):
        message = _read(data[start:end])
        writer.place = {**place, "mail": number}
        writer.add("heading", _header(message, "Subject")[:_SUBJECT_MOST_CHARACTERS] or f"Mail {number}", level=1)
        _write_mail(message, writer, depth + 1)
    writer.place = place
    if len(starts) > MOST_MAILS:
        writer.warn(f"The mailbox has more than {MOST_MAILS} mails; the others were not read.")
    else:
        writer.warn(f"The {len(starts)} mails of the mailbox are one document.")


def _read(data: bytes) -> EmailMessage:
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    return completed(email.message_from_bytes(data, _class=EmailMessage, policy=email.policy.default))


def _write_mail(message: MIMEPart, writer: Writer, depth: int) -> None:
    headers = [(name, header) for name in _SHOWN_HEADERS if (header := _header(message, name))]
    subject = dict(headers).get("Subject", "")
    if subject and depth == 0:
        writer.title = subject[:_SUBJECT_MOST_CHARACTERS]
    writer.add("text", "\n".join(f"{name}: {header}" for name, header in headers))
    bodies = body_parts(message)
    body, files = write_body(bodies, writer)
    others = _alternatives(message, bodies)
    place, unread = writer.place, []
    for name, data in files:
        writer.place = {**place, "attachment": name}
        if not write_attached(name, data, writer, depth):
            unread.append(name)
        writer.place = place
    for number, part in enumerate(_parts(message)):
        if number > MOST_PARTS:
            writer.warn(f"The mail has more than {MOST_PARTS} parts; the others were not read.")
            break
        if part in bodies or part in others or _is_of_page(part) or part.get_content_type() in _WITHOUT_TEXT:
            continue
        name = _filename(part)
        is_text = not part.get_filename() and part.get_content_type() in _TEXTS
        if is_text or part.get_content_maintype() == "multipart":
            write_text(part, writer, body)
            continue
        writer.place = {**place, "attachment": name}
        if not _write_attachment(part, name, writer, depth, body):
            unread.append(name)
        writer.place = place
    if unread:
        writer.warn(f"Attachments that were not read: {', '.join(unread)}.")


def _parts(message: MIMEPart) -> Iterator[MIMEPart]:
    """The parts with contents, without those of attached mails."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "message" or not part.is_multipart():
            yield part
        else:
            waiting += reversed(_inner(part))


def _is_of_page(part: MIMEPart) -> bool:
    """Whether a part only makes up a page that was saved from the web, which names it by its address."""
    return part.get("Content-Location") is not None and (
        part.get_content_maintype() in ("image", "font", "video", "audio")
        or part.get_content_type()
        in ("text/css", "text/javascript", "application/javascript", "application/x-javascript")
    )


def _inner(part: MIMEPart) -> list[MIMEPart]:
    inner = part.get_payload()
    return [each for each in inner if isinstance(each, MIMEPart)] if isinstance(inner, list) else []


def _header(message: MIMEPart, name: str) -> str:
    return " ".join(clean_text(header(message, name)).split())[:_HEADER_MOST_CHARACTERS]


def _alternatives(message: MIMEPart, bodies: list[MIMEPart]) -> set[MIMEPart]:
    """The texts with the contents of the body in different formats: the first one of each format of an alternative."""
    found: set[MIMEPart] = set()
    for each in message.walk():
        if each.get_content_type() == "multipart/alternative" and set(each.walk()) & set(bodies):
            for form in _inner(each):
                texts = (part for part in form.walk() if _is_plain_text(part))
                found |= {text for text in [next(texts, None)] if text is not None}
    return found


def _is_plain_text(part: MIMEPart) -> bool:
    return (
        part.get_content_maintype() == "text"
        and part.get_content_type() != "text/calendar"
        and part.get_content_disposition() != "attachment"
    )


def _filename(part: MIMEPart) -> str:
    try:
        name = part.get_filename()
    except Exception:  # noqa: BLE001 - the library raises anything on broken headers
        name = None
    kind = part.get_content_type()
    return shown_name(name or kind + _SUFFIXES.get(kind, ""))


def _write_attachment(part: MIMEPart, name: str, writer: Writer, depth: int, body: str) -> bool:
    """Write an attachment, and return whether it could be read. The mail has a `body` of its own."""
    if part.get_content_maintype() == "message":
        messages = _inner(part)
        if part.get_content_type() in _MAIL_TYPES:
            return bool(messages) and _write_forwarded(messages[0], name, writer, depth)
        # A report on delivery is a list of fields.
        fields = "\n\n".join(f"{_fields(each)}\n\n{_body_of_report(each)}".strip() for each in messages)
        writer.add("text", fields)
        return bool(fields.strip())
    try:
        data = part.get_payload(decode=True)
    except DAMAGE:
        return False
    if not isinstance(data, bytes):
        return False
    return _write_data(part, data, name, writer, depth, body=body)


def _write_data(part: MIMEPart, data: bytes, name: str, writer: Writer, depth: int, *, body: str) -> bool:
    if part.get_content_type() in _SIGNED:
        if mail := signed_content(data):
            return depth < DEEPEST_MAIL and _write_signed(mail, writer, depth)
        if _ENVELOPED in data[:_ENVELOPED_WITHIN_BYTES]:
            writer.warn("The mail is encrypted (S/MIME), so its text was not read.")
            return True
    if data.startswith(tnef.SIGNATURE):
        return _write_packed(data, writer, depth, body)
    return write_attached(name, data, writer, depth)


def _write_packed(data: bytes, writer: Writer, depth: int, shown: str = "") -> bool:
    """Write the message in a `winmail.dat`, unless `shown` says the same, and its attachments below their names.

    Return whether there is anything.
    """
    message = tnef.Message(data)
    packed = Writer()
    message.write_body(packed)
    body = packed.document()
    if not shown:
        headers = message.headers()
        if depth == 0:
            writer.title = headers.get("Subject", "")[:_SUBJECT_MOST_CHARACTERS]
        writer.add("text", "\n".join(f"{name}: {value}" for name, value in headers.items()))
    if not says_same(body.text, shown):
        writer.add_blocks(body)
    place, unread = writer.place, []
    for given, content in message.files[:MOST_PARTS]:
        name = shown_name(given)
        writer.place = {**place, "attachment": name}
        if not write_attached(name, content, writer, depth):
            unread.append(name)
    writer.place = place
    if len(message.files) > MOST_PARTS:
        writer.warn(f"The message has more than {MOST_PARTS} attachments; the others were not read.")
    if unread:
        writer.warn(f"Attachments that were not read: {', '.join(unread)}.")
    if message.is_cut:
        writer.warn("The message of Outlook (winmail.dat) is damaged, and was read as far as possible.")
    return bool(body.blocks or message.files or shown)


def _write_signed(data: bytes, writer: Writer, depth: int) -> bool:
    """Write the parts of a mail that are wrapped in its signature. They have no headers that people read."""
    _write_mail(_read(data), writer, depth + 1)
    return True


def _fields(message: MIMEPart) -> str:
    return "\n".join(f"{name}: {_header(message, name)}" for name in message)


def _body_of_report(message: MIMEPart) -> str:
    data = message.get_payload(decode=True)
    return clean_text(decode_text(data)) if isinstance(data, bytes) else ""


def write_attached(name: str, data: bytes, writer: Writer, depth: int) -> bool:
    """Write an attached file below its name, and return whether it could be read. The message is `depth` mails deep."""
    try:
        is_mail = detect_file_type(name, data, images=recognition.is_on()) == "mail"
    except CabinetError:  # a type that cannot be read, or an empty file
        return False
    if not is_mail:
        return write_inner(name, data, writer)
    if depth >= DEEPEST_MAIL:
        return False
    writer.add("heading", name, level=1)
    _write_mails(data, writer, depth + 1)
    return True


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
