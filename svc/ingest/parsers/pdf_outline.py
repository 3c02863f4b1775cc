"""The outline of a PDF, whose entries are headings, which are searched among the lines of their pages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import pypdfium2

_MOST_ENTRIES = 20_000
_DEEPEST = 9
_TITLE_MOST_CHARACTERS = 200
_MOST_LINES = 3  # of one heading
_NUMBER = re.compile(r"^(?:[\divxlc]{1,8}|[a-z])(?:\.[\da-z]{1,4})*[.):]?\s+", re.IGNORECASE)
# Scanners and converters make an entry for each page, or one with the name of the file.
_NOT_A_TITLE = re.compile(
    r"(?:(?:page|seite|slide|folie|p\.|s\.)?\s*[\divxlc]*|\S+\.(?:pdf|docx?|tiff?|jpe?g|png))", re.IGNORECASE
)


class Entry(NamedTuple):
    """A heading: its words, and its level from 1."""

    title: str
    level: int


def outline(document: pypdfium2.PdfDocument) -> dict[int, list[Entry]]:
    """The entries that lead to each page, by the number of the page from 0.

    An entry that leads nowhere, such as the name of a part, is with the next one that leads somewhere.
    """
    found: dict[int, list[Entry]] = defaultdict(list)
    waiting: list[Entry] = []
    for bookmark in islice(document.get_toc(max_depth=_DEEPEST), _MOST_ENTRIES):
        title = " ".join(bookmark.get_title().split())[:_TITLE_MOST_CHARACTERS]
        if _NOT_A_TITLE.fullmatch(title):
            continue
        waiting.append(Entry(title, bookmark.level + 1))
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        if page is not None:
            found[page] += waiting
            waiting = []
    return found


def divided(lines: list[str], entries: list[Entry]) -> Iterator[list[str] | Entry]:
    """Yield the lines of a part of a page and, in place of the lines that are headings, their entries.

    The entries that are found are taken out of `entries`, with those before them, which have no line of their own.
    """
    at = 0
    while entries:
        place = next(
            (
                (number, start, end)
                for number, entry in enumerate(entries)
                for start, end in [_found(lines, at, entry.title)]
                if end
            ),
            None,
        )
        if place is None:
            break
        number, start, end = place
        if start > at:
            yield lines[at:start]
        yield from entries[:number]
        yield Entry(" ".join(" ".join(lines[start:end]).split()), entries[number].level)
        del entries[: number + 1]
        at = end
    if at < len(lines):
        yield lines[at:]


def _found(lines: list[str], at: int, title: str) -> tuple[int, int]:
    """The range of the lines from `at` on that are a title, with or without its number; (0, 0) if there is none."""
    wanted = _key(title)
    bare = _NUMBER.sub("", wanted)
    for start in range(at, len(lines)):
        words = ""
        for end in range(start + 1, min(start + _MOST_LINES, len(lines)) + 1):
            words = f"{words} {lines[end - 1]}"
            key = _key(words)
            if key == wanted or (bare and _NUMBER.sub("", key) == bare):
                return start, end
            if not key or len(key) > len(wanted) + 10:
                break
    return 0, 0


def _key(text: str) -> str:
    return " ".join(text.casefold().replace("\x02", "").split())
