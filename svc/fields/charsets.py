"""Names of encodings as files and clients declare them."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from typing import Final

# Browsers interpret these names as supersets of the encodings that they name.
_WEB_CHARSETS: Final = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "tis-620": "cp874",
}  # fmt: skip
# Names that programs write, with none of which a standard begins.
_NUMBERED = re.compile(r"(?:x_)?(?:windows|win|cp|ibm|dos|ansi|ms|oem)_?(\d{3,5})")
_OTHER_NAMES: Final = {
    "macintosh": "mac_roman", "x_mac_roman": "mac_roman", "macroman": "mac_roman", "x_mac_ce": "mac_latin2",
    "x_mac_cyrillic": "mac_cyrillic", "x_sjis": "cp932", "x_euc_jp": "euc_jp", "x_gbk": "gbk", "x_big5": "big5",
    "x_johab": "johab", "iso_8859_8_i": "iso8859_8", "iso_8859_8_e": "iso8859_8", "unicode": "utf_16",
    "unicode_1_1_utf_7": "utf_7", "unicode_1_1_utf_8": "utf_8", "x_unicode_2_0_utf_8": "utf_8", "ansi": "cp1252",
    "x_euc_kr": "cp949", "x_iso_10646_ucs_2": "utf_16",
}  # fmt: skip
# Python has codecs that are no charsets: they decompress, unescape or encode domain names.
_OF_TEXT = re.compile(r"iso|cp|koi8|big5|euc|gb|hz|shift|mac|tis|johab|ptcp|utf|ascii")
_MODULES: Final = {module.name for module in pkgutil.iter_modules(encodings.__path__)}


def text_codec(charset: str) -> str | None:
    """Python's codec for a charset, with the meaning that browsers give it; None if it is unknown or not a text
    encoding."""
    name = encodings.normalize_encoding(charset.strip().lower())
    name = aliases.get(name, name)
    if name not in _MODULES:
        numbered = _NUMBERED.fullmatch(name)
        name = f"cp{numbered.group(1)}" if numbered else _OTHER_NAMES.get(name, name)
        name = aliases.get(name, name)
    # Python remembers each name that it has not found, and those that come from outside have no end.
    if name not in _MODULES:
        return None
    try:
        name = codecs.lookup(name).name
    except LookupError:  # a module without a codec
        return None
    name = _WEB_CHARSETS.get(name, name)
    return name if _OF_TEXT.match(name) else None
