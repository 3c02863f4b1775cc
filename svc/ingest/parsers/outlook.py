"""Outlook messages (.msg): the headers that people read, the body, and the attachments that can be read."""

from __future__ import annotations

import base64
import email
import email.policy
import struct
import zlib
from datetime import UTC, datetime, timedelta
from io import BytesIO

import olefile

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.code_pages import codec_of
from svc.ingest.parsers.compressed_rtf import decompressed
from svc.ingest.parsers.html import declared_charset, write_html
from svc.ingest.parsers.mail import DEEPEST_MAIL, MOST_PARTS, shown_name, write_attached
from svc.ingest.parsers.noise import without_noise
from svc.ingest.parsers.rejections import damaged
from svc.ingest.parsers.rtf import parse as parse_rtf

# The properties of MS-OXPROPS by their numbers.
_SUBJECT, _BODY, _RTF, _HTML = 0x0037, 0x1000, 0x1009, 0x1013
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_SENT, _RECEIVED, _HEADERS = 0x0039, 0x0E06, 0x007D
_TO, _CC = 0x0E04, 0x0E03
_CLASS = 0x001A
_OTHER_KINDS = {
    "ipm.appointment": "an appointment", "ipm.schedule": "an invitation", "ipm.contact": "a contact",
    "ipm.task": "a task", "ipm.distlist": "a list of addresses",
}  # fmt: skip
_NAME, _ADDRESS, _SMTP, _RECIPIENT_KIND = 0x3001, 0x3003, 0x39FE, 0x0C15
_DATA, _LONG_FILENAME, _SHORT_FILENAME = 0x3701, 0x3707, 0x3704
_CODEPAGES = (0x3FDE, 0x3FFD)  # that of the internet, and that of the message
_UNICODE, _BYTES, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D
_FIXED_AT = 32, 24, 8  # where the properties of a message, an embedded message and the other storages begin
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_RECIPIENTS = 200
_SUBJECT_MOST_CHARACTERS = 200
_HEADER_MOST_CHARACTERS = 2_000

Path = tuple[str, ...]

# A message without properties, whose body is "a".
SAMPLE = zlib.decompress(base64.b85decode(
    r"c-p&gUhu)fjZzO8(10BSGsD0CoD6J8VvJA>1_BHWOi=#6|NsAkgqVT&|0ozzAdz7djARhRkPn0<3<?ac40%Ahh@p}s{bCHPjIgxC"
    r"NP@lwC>;-k#SEnkNkFoMA)UdHL65-zC}s#GVbGAl4W~I;3`}7AnV@A4vGy||*<S$kbv}?x1=1x9nLxT2C|U;Q7X$hEz>tBs3lkVX"
    r"?S}zk>}CY(qYeQ2gJk=W0jTW$H(CsiSnv-C{~ZmE5eES0&hha"
))  # fmt: skip


def parse(data: bytes) -> ReadDocument:
    """Return the message, and below their names (`attachment`) its attachments."""
    writer = Writer()
    with olefile.OleFileIO(BytesIO(data)) as file:
        message = _Message(file, ())
        if not message.is_there:
            raise damaged("msg", "its properties are missing")
        message.write(writer, 0)
    return writer.document()


class _Storage:
    """A folder of the file with properties: a message, a recipient or an attachment."""

    def __init__(self, file: olefile.OleFileIO, path: Path, fixed_at: int, codec: str | None = None) -> None:
        self._file = file
        self._path = path
        self._fixed = self._read("__properties_version1.0")
        self._fixed_at = fixed_at
        self.is_there = bool(self._fixed)
        self._codec = codec or next((name for each in _CODEPAGES if (name := codec_of(self.number(each)))), None)

    def text(self, *properties: int) -> str:
        """The first of some properties that is not blank."""
        for each in properties:
            wide = self._read(f"__substg1.0_{each:04X}{_UNICODE:04X}")
            narrow = b"" if wide else self._read(f"__substg1.0_{each:04X}{_BYTES:04X}")
            text = wide.decode("utf-16-le", "replace") if wide else decode_text(narrow, self._codec)
            if text := clean_text(text).strip():
                return text
        return ""

    def binary(self, name: int) -> bytes:
        """A property that is bytes."""
        return self._read(f"__substg1.0_{name:04X}{_BINARY:04X}")

    def number(self, name: int) -> int | None:
        """The eight bytes of a property of fixed length, of which a short one has zeros."""
        for at in range(self._fixed_at, len(self._fixed) - 15, 16):
            if struct.unpack_from("<H", self._fixed, at + 2)[0] == name:
                value: int = struct.unpack_from("<Q", self._fixed, at + 8)[0]
                return value
        return None

    def storages(self, beginning: str) -> list[Path]:
        """The folders in this one whose names begin so, in order."""
        depth = len(self._path)
        found = {
            tuple(path[: depth + 1])
            for path in self._file.listdir(streams=False, storages=True)
            if len(path) > depth and tuple(path[:depth]) == self._path and path[depth].startswith(beginning)
        }
        return sorted(found)

    def _read(self, name: str) -> bytes:
        path = [*self._path, name]
        try:
            if not self._file.exists(path):
                return b""
            with self._file.openstream(path) as stream:
                content: bytes = stream.read()
                return content
        except (OSError, ValueError):  # olefile's own errors are OSErrors
            return b""


class _Message(_Storage):
    def __init__(self, file: olefile.OleFileIO, path: Path) -> None:
        super().__init__(file, path, _FIXED_AT[1] if path else _FIXED_AT[0])

    def write(self, writer: Writer, depth: int) -> None:
        """Write the headers, the body, and the attachments below their names."""
        subject = self.text(_SUBJECT)
        if subject and depth == 0:
            writer.title = subject[:_SUBJECT_MOST_CHARACTERS]
        headers = {"Subject": subject, "From": self._sender(), **self._recipients(), "Date": self._date()}
        shown = [
            f"{name}: {' '.join(value.split())[:_HEADER_MOST_CHARACTERS]}" for name, value in headers.items() if value
        ]
        writer.add("text", "\n".join(shown))
        self._write_body(writer)
        kind = self.text(_CLASS).lower()
        if what := next((words for beginning, words in _OTHER_KINDS.items() if kind.startswith(beginning)), ""):
            writer.warn(f"The message is {what}, whose own fields, such as times and addresses, were not read.")
        place, unread = writer.place, []
        attachments = self.storages("__attach_version1.0_")
        for path in attachments[:MOST_PARTS]:
            attachment = _Storage(self._file, path, _FIXED_AT[2], self._codec)
            name = shown_name(attachment.text(_LONG_FILENAME, _SHORT_FILENAME, _NAME))
            writer.place = {**place, "attachment": name}
            if not self._write_attachment(attachment, path, name, writer, depth):
                unread.append(name)
        writer.place = place
        if len(attachments) > MOST_PARTS:
            writer.warn(f"The message has more than {MOST_PARTS} attachments; the others were not read.")
        if unread:
            writer.warn(f"Attachments that were not read: {', '.join(unread)}.")

    def _sender(self) -> str:
        return _person(self.text(_SENDER_NAME), self.text(_SENDER_SMTP, _SENDER_ADDRESS))

    def _recipients(self) -> dict[str, str]:
        people: dict[int, list[str]] = {1: [], 2: []}
        for path in self.storages("__recip_version1.0_")[:_MOST_RECIPIENTS]:
            recipient = _Storage(self._file, path, _FIXED_AT[2], self._codec)
            kind = (recipient.number(_RECIPIENT_KIND) or 1) & 0xFF
            people.setdefault(kind, []).append(_person(recipient.text(_NAME), recipient.text(_SMTP, _ADDRESS)))
        return {
            "To": ", ".join(people[1]) or self.text(_TO),
            "Cc": ", ".join(people[2]) or self.text(_CC),
            "Bcc": ", ".join(people.get(3, [])),
        }

    def _date(self) -> str:
        ticks = self.number(_SENT) or self.number(_RECEIVED)
        if not ticks:
            headers = email.message_from_string(self.text(_HEADERS), policy=email.policy.compat32)
            return str(headers.get("Date") or "")
        try:
            return (_EPOCH + timedelta(microseconds=ticks // 10)).strftime("%a, %d %b %Y %H:%M:%S +0000")
        except OverflowError:
            return ""

    def _write_body(self, writer: Writer) -> None:
        """Write the body once: HTML, from which Outlook makes the plain text, else that, else RTF."""
        body = Writer()
        if html := self.binary(_HTML) or self.text(_HTML).encode():
            write_html(clean_text(decode_text(html, declared_charset(html) or self._codec)), body)
        if (document := body.document()).blocks:
            writer.add_blocks(document)
            return
        if plain := self.text(_BODY):
            text, warnings = without_noise(plain)
            for warning in warnings:
                writer.warn(warning)
            writer.add("text", text)
        elif rtf := self.binary(_RTF):
            try:
                writer.add_blocks(parse_rtf(decompressed(rtf)))
            except (ValueError, DocumentRejectedError):
                writer.warn("The body is damaged and was not read.")

    def _write_attachment(self, attachment: _Storage, path: Path, name: str, writer: Writer, depth: int) -> bool:
        embedded = (*path, f"__substg1.0_{_DATA:04X}{_OBJECT:04X}")
        message = _Message(self._file, embedded)
        if message.is_there:
            if depth >= DEEPEST_MAIL:
                return False
            writer.add("heading", name, level=1)
            message.write(writer, depth + 1)
            return True
        data = attachment.binary(_DATA)
        return bool(data) and write_attached(name, data, writer, depth)


def _person(name: str, address: str) -> str:
    if "@" not in address or address == name:
        return name or ("" if address.startswith("/") else address)  # an Exchange server's own addresses say nothing
    return f"{name} <{address}>" if name else address
