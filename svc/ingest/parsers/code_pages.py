"""The code pages of Windows, by their numbers."""

from __future__ import annotations

from svc.fields.charsets import text_codec

_CODECS = {
    20127: "cp1252", 20866: "koi8_r", 21866: "koi8_u", 50220: "iso2022_jp", 51932: "euc_jp", 51949: "euc_kr",
    54936: "gb18030", 65001: "utf-8",
}  # fmt: skip
_FIRST_ISO, _LAST_ISO = 28_591, 28_606


def codec_of(codepage: int | None) -> str | None:
    """Return Python's name of the encoding; None if it has none."""
    number = (codepage or 0) & 0xFFFF_FFFF
    if number in _CODECS:
        return _CODECS[number]
    return text_codec(f"iso8859-{number - _FIRST_ISO + 1}" if _FIRST_ISO <= number <= _LAST_ISO else f"cp{number}")
