"""The lines of calendars and address cards (iCalendar, vCard), which are folded anywhere and contain escapes."""

from __future__ import annotations

import quopri
import re

from svc.fields.charsets import text_codec
from svc.ingest.parsers.characters import clean_text, decode_text

_BEGINNING = re.compile(r"\s*BEGIN:(?:VCALENDAR|VCARD)\s", re.IGNORECASE)
_ENCODED = re.compile(
    r"^([^:\n]*;(?:ENCODING=)?QUOTED-PRINTABLE[^:\n]*):((?:[^\n]*=\n)*[^\n]*)", re.IGNORECASE | re.MULTILINE
)
_CHARSET = re.compile(r"CHARSET=([\w.:+-]{1,40})", re.IGNORECASE)
_FOLD = re.compile(r"\n[ \t]")
_MARK = re.compile(r"\\([nN,;\\])")


def with_whole_lines(text: str) -> str:
    """The text of a calendar or of address cards with unfolded lines; other texts are returned unchanged."""
    if not _BEGINNING.match(text):
        return text
    lines = _ENCODED.sub(_decoded, _FOLD.sub("", text)) if "=" in text else _FOLD.sub("", text)
    return _MARK.sub(lambda found: "\n" if found[1] in "nN" else found[1], lines)


def _decoded(line: re.Match[str]) -> str:
    named = _CHARSET.search(line[1])
    value = decode_text(quopri.decodestring(line[2].encode()), text_codec(named[1]) if named else None)
    return f"{line[1].partition(';')[0]}:{clean_text(value)}"
