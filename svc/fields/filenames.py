"""Filenames as clients send them."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

_ENCODED_WORD = re.compile(r"=\?[\w-]{1,40}\?[bqBQ]\?[^?\s]*\?=")
_OUTWARD = (".", "..")
_PARAMETER = re.compile(rb";[ \t]*([^\s=;]{1,40})[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*\"|[^;]*)")
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[\w-]{0,40}'(\S+)", re.IGNORECASE)


def decoded_words(name: str) -> str:
    """Returns the name with encoded words (RFC 2047), which some mail programs send, decoded."""
    if not _ENCODED_WORD.search(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
        return name


def inner_path(name: str) -> str:
    """Returns a filename without parts that lead out of a folder, such as `../`; unchanged if nothing else is left."""
    if "/" not in name:
        return name
    return "/".join(part for part in name.split("/") if part.strip() not in _OUTWARD).lstrip("/") or name


def with_plain_filename(disposition: bytes) -> bytes:
    """Returns a Content-Disposition with the name of its `filename*` (RFC 8187) as `filename`, if it has no other."""
    parameters = {name.lower(): value for name, value in _PARAMETER.findall(disposition)}
    if b"filename*" not in parameters or b"filename" in parameters:
        return disposition
    extended = _EXTENDED.fullmatch(parameters[b"filename*"].decode("latin-1").strip(' \t"'))
    if extended is None:
        return disposition
    try:
        name = unquote_to_bytes(extended[2]).decode(extended[1])
    except UnicodeDecodeError:
        return disposition
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return disposition + f'; filename="{escaped}"'.encode()
