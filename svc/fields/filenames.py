"""Filenames as clients send them."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header

_ENCODED_WORD = re.compile(r"=\?[\w-]{1,40}\?[bqBQ]\?[^?\s]*\?=")
_OUTWARD = (".", "..")


def decoded_words(name: str) -> str:
    """Returns the name that encoded words stand for, which some mail programs send (RFC 2047); others as they are."""
    if not _ENCODED_WORD.search(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
        return name


def inner_path(name: str) -> str:
    """Returns a filename without what leads out of a folder, such as `../`; as it is if nothing else is left."""
    if "/" not in name:
        return name
    return "/".join(part for part in name.split("/") if part.strip() not in _OUTWARD).lstrip("/") or name
