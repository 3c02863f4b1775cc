"""Finds the words of a text: runs of letters, digits, underscores and marks, with the apostrophes inside."""

from __future__ import annotations

import re
from functools import cache

from svc.terms.characters import word_class

# A text is read up to this length. The texts of chunks and queries are far below.
MOST_CHARACTERS = 200_000

_LONGEST_RUN = 1_000


def _word_pattern(characters: str) -> re.Pattern[str]:
    """Finds words. An apostrophe inside a word is a part of it here, and taken out later."""
    run = f"[{characters}]{{1,{_LONGEST_RUN}}}"
    return re.compile(f"{run}(?:['’]{run}){{0,3}}")


_ASCII_WORD = _word_pattern("A-Za-z0-9_")


@cache
def _any_word() -> re.Pattern[str]:
    return _word_pattern(word_class())


def word_pattern(text: str) -> re.Pattern[str]:
    """The regular expression that finds the words of a text."""
    return _ASCII_WORD if text.isascii() else _any_word()


_SPACED = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_'")}
# Apostrophes at the ends of words, and more of them in a word than it may have.
_OUTSIDE = re.compile(r"'(?:(?![A-Za-z0-9_])|(?<![A-Za-z0-9_]'))")
_MANY_INSIDE = re.compile("(?:[^']*'){4}").match
# Typographic characters; with these replaced, most English texts are ASCII.
_TYPESET = str.maketrans("’‘“”–—…•\u00a0", "'        ")


def found_words(text: str) -> list[str]:
    """The words of a text in order, with a straight apostrophe if the text is otherwise ASCII.

    It finds those that the regular expression finds, in a quarter of the time for ASCII texts.
    """
    text = text[:MOST_CHARACTERS]
    plain = text if text.isascii() else _without_typesetting(text)
    if not plain.isascii():
        return word_pattern(text).findall(text)
    words = _OUTSIDE.sub(" ", plain.translate(_SPACED)).split()
    if len(max(words, key=len, default="")) > _LONGEST_RUN or ("'" in plain and any(map(_MANY_INSIDE, words))):
        return _ASCII_WORD.findall(plain)
    return words


def _without_typesetting(text: str) -> str:
    for character, replacement in _TYPESET.items():
        text = text.replace(chr(character), chr(replacement))
    return text
