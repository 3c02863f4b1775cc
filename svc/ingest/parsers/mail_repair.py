"""Mails that do not follow the standards: headers in other encodings, parts without a boundary, files in the text."""

from __future__ import annotations

import binascii
import email
import email.policy
import re
from email.message import EmailMessage, Message, MIMEPart
from typing import Any

from svc.fields.charsets import text_codec
from svc.ingest.parsers.characters import decode_text

_ENCODED_WORD = re.compile(r"=\?([\w.:+-]{1,40})(\*[\w-]*)?\?([bBqQ])\?")
_BOUNDARY = re.compile(r"^--([^\s\"]{1,70})[ \t]*\r?\n(?=[A-Za-z-]+:)", re.MULTILINE)
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})\n((?:[ -`]{1,90}\n)*?)(?:[ `]?\n)?end[ \t]*$", re.MULTILINE)


def header(message: Message, name: str) -> str:
    """A header as people read it, in the encoding that it declares or seems to have; unchanged if it is broken."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    if not raw.isascii():
        raw = decode_text(raw.encode("utf-8", "surrogateescape"))
    raw = _ENCODED_WORD.sub(_in_known_encoding, raw)
    try:
        return str(email.policy.default.header_fetch_parse(name, raw))
    except Exception:  # noqa: BLE001 - the library raises anything on broken headers
        return raw


def _in_known_encoding(word: re.Match[str]) -> str:
    """The beginning of an encoded word with the encoding that browsers take for the one that it names."""
    return f"=?{text_codec(word[1]) or word[1]}?{word[3]}?"


def completed(message: EmailMessage) -> EmailMessage:
    """The mail with the parts that the standard does not let the library see."""
    for part in [*message.walk()]:
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, str):
            _divide(part, payload)
        elif part.get_content_maintype() == "message" and isinstance(payload, list):
            _decode(part, payload)
    return message


def _divide(part: MIMEPart, payload: str) -> None:
    """Find the parts of a mail that does not name its boundary, or another one than it has."""
    found = _BOUNDARY.search(payload)
    if found is None:
        return
    source = f'Content-Type: multipart/mixed; boundary="{found[1]}"\n\n{payload}'.encode("utf-8", "surrogateescape")
    inner = email.message_from_bytes(source, _class=EmailMessage, policy=email.policy.default)
    if isinstance(inner.get_payload(), list):
        part.set_payload(inner.get_payload())


def _decode(part: MIMEPart, messages: list[Any]) -> None:
    """Read an attached mail that is encoded, which the standard forbids."""
    inner = messages[0] if len(messages) == 1 else None
    encoding = str(part.get("Content-Transfer-Encoding") or "").strip()
    if not isinstance(inner, Message) or inner.keys() or not encoding:
        return
    inner["Content-Transfer-Encoding"] = encoding
    data = inner.get_payload(decode=True)
    if isinstance(data, bytes):
        part.set_payload([email.message_from_bytes(data.lstrip(), _class=EmailMessage, policy=email.policy.default)])


def without_files(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text without the files that are written into it in uuencode, and those with their names."""
    files: list[tuple[str, bytes]] = []

    def take(found: re.Match[str]) -> str:
        try:
            data = b"".join(_uudecoded(line) for line in found[2].split("\n") if line)
        except (binascii.Error, ValueError):
            return found.group()
        files.append((found[1].strip(), data))
        return ""

    return (_UUENCODED.sub(take, text) if "\nend" in text else text), files


def _uudecoded(line: str) -> bytes:
    source = line.encode("ascii")
    try:
        return binascii.a2b_uu(source)
    except binascii.Error:  # some programs write more than the line has
        return binascii.a2b_uu(source[: (((source[0] - 32) & 63) * 4 + 5) // 3])
