"""Reads the operators of a query: phrases in quotation marks, which a text must contain, and excluded words.

    comet "long period" -Halley      texts with the phrase “long period” and without the word “Halley”

A quotation mark begins a phrase after white space and ends it before white space or punctuation, so that inches and
code are not phrases. A minus sign excludes the directly following phrase or word of two or more letters. Negative
numbers and options of one letter are ordinary words. A phrase has at most 200 characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_OPERATORS = 10
"""In a query with more operators, none is recognized, since it is probably a pasted text."""

_OPERATOR = re.compile(
    r"""(?<!\S)
    (?:
        (?P<minus>-?) (?: "(?P<straight>[^"\n]{0,200})" | “(?P<curved>[^”\n]{0,200})” ) (?![^\s)\],.;!?])
        | - (?P<word> [^\W\d_]{2} \S{0,198} ) (?!\S)
    )""",
    re.VERBOSE,
)
_TRAILING = ".,;:!?)]}\"'"
_IN_WORDS = re.compile(r"[A-Za-z0-9_]")


@dataclass(frozen=True)
class ReadQuery:
    """A query without its operators: `text` is the text to embed and to search for keywords.

    `required` and `excluded` are the phrases that a text must and must not contain.
    """

    text: str
    required: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)


def read_query(query: str) -> ReadQuery:
    """Read the operators of a query. In a query that would only exclude words, none is recognized."""
    # PostgreSQL stores no NUL in a text, so none contains it.
    query = query.replace("\0", " ")
    matches = list(_OPERATOR.finditer(query))
    if not matches or len(matches) > MOST_OPERATORS:
        return ReadQuery(query)
    parts, required, excluded = [], [], []
    end = 0
    for match in matches:
        parts.append(query[end : match.start()])
        end = match.end()
        phrase = match["straight"] if match["straight"] is not None else match["curved"]
        words = " ".join((phrase if phrase is not None else match["word"].rstrip(_TRAILING)).split())
        if match["word"] or match["minus"]:
            excluded.append(words)
        else:
            parts.append(words)
            required.append(words)
    text = "".join([*parts, query[end:]])
    if not text.strip():
        return ReadQuery(query)
    return ReadQuery(text, [words for words in required if words], [words for words in excluded if words])


def pattern(phrase: str) -> str:
    """A PostgreSQL regular expression for `~*` that finds a phrase as whole words, separated by any white space.

    The server folds the case of ASCII letters in every locale; the other letters are listed in both.
    """
    words = r"\s+".join("".join(_character(character) for character in word) for word in phrase.split())
    before = r"\m" if _IN_WORDS.match(phrase[0]) else ""
    after = r"\M" if _IN_WORDS.match(phrase[-1]) else ""
    return f"{before}{words}{after}"


def _character(character: str) -> str:
    if character.isascii():
        return character if character.isalnum() or character == "_" else f"\\{character}"
    cases = {character, character.lower(), character.upper()}
    cases = {case for case in cases if len(case) == 1}
    return character if len(cases) == 1 else f"[{''.join(sorted(cases))}]"
