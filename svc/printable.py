"""External text in a form that cannot control a terminal or a log file."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ESCAPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"
"""Persian and emoji need these two characters, which change neither the line nor its direction."""


def printable(text: str) -> str:
    """Returns `text` on one line, with escapes such as `\\n`, `\\x1b` and `\\u202e` for all control characters.

    These are the characters that end a line, that begin a terminal's commands, or that change the direction of text,
    and lone surrogates, which cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def shortened(text: str, max_characters: int) -> str:
    """Returns `text` on one line, printable, without repeated white space, cut to about `max_characters`."""
    # Cut first, so that the cost does not depend on the length.
    words = " ".join(text[: 4 * max_characters].split())
    return printable(words[:max_characters]) + "…" * (len(words) > max_characters)


def _escaped(character: str) -> str:
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    return character.encode("unicode_escape").decode()


_UNSAFE_IN_JSON: Final = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def escaped_json(text: str) -> str:
    """Returns JSON with the control characters escaped that JSON allows in strings."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
