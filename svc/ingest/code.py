"""Cuts source code between definitions, whatever its language: by indentation and blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svc.ingest.prose import Span
from svc.ingest.tokens import WordCounter

_DEEPEST = 6
_TAB_COLUMNS = 4
# A line that continues or ends the block above it.
_CONTINUES = re.compile(r"[})\];]|(?:end|else|elif|elsif|except|finally|catch|rescue|ensure|then|fi|done|esac)\b")
# A line that belongs to the block below it.
_LEADS = re.compile(r"[@#]|//|/\*|\*|--|\"\"\"|'''|\[[A-Za-z]")


class _Line:
    __slots__ = ("end", "indent", "start", "tokens", "words")

    def __init__(self, start: int, text: str, tokens: int) -> None:
        self.start, self.end, self.tokens = start, start + len(text), tokens
        self.words = text.strip()
        self.indent = len(text.expandtabs(_TAB_COLUMNS)) - len(text.expandtabs(_TAB_COLUMNS).lstrip())


def cut_code(text: str, tokens: int, counter: WordCounter) -> Iterator[Span]:
    """Yield spans of `text` of about `tokens` or less; one line alone can have more."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(_Line(start, line, counter.count(line) + 1))
        start += len(line) + 1
    for first, last in _cut(lines, 0, len(lines), tokens, 0):
        filled = [n for n in range(first, last) if lines[n].words]
        if filled:
            yield lines[filled[0]].start, lines[filled[-1]].end


def _cut(lines: list[_Line], first: int, last: int, tokens: int, depth: int) -> Iterator[Span]:
    """Yield ranges of lines, as many whole groups in each as fit."""
    begun, used = first, 0
    for start, end in _groups(lines, first, last, depth):
        size = sum(line.tokens for line in lines[start:end])
        if used and used + size > tokens:
            yield begun, start
            begun, used = start, 0
        used += size
        if used > tokens:  # A group that does not fit is alone here.
            pieces = list(_cut(lines, start, end, tokens, depth + 1)) if depth < _DEEPEST else [(start, end)]
            yield from pieces[:-1]
            begun = pieces[-1][0]
            used = sum(line.tokens for line in lines[begun:end])
    if begun < last:
        yield begun, last


def _groups(lines: list[_Line], first: int, last: int, depth: int) -> list[Span]:
    """Ranges of lines that belong together: the least indented lines with the lines that are indented below them.

    At the greatest depth each line is alone.
    """
    filled = [n for n in range(first, last) if lines[n].words]
    if depth >= _DEEPEST or not filled:
        return [(n, n + 1) for n in range(first, last)]
    # Inside a group that is too large, its first line, which is the least indented one, is ignored.
    inner = filled[1:] if depth else filled
    least = min((lines[n].indent for n in inner), default=0)
    starts, previous = [first], None
    for n in filled:
        line = lines[n]
        if previous is not None and n > starts[-1] and line.indent <= least and not _CONTINUES.match(line.words):
            above = lines[previous]
            is_apart = previous < n - 1 or above.indent > least or bool(_CONTINUES.match(above.words))
            if is_apart and not (previous == n - 1 and _LEADS.match(above.words) and above.indent <= least):
                starts.append(n)
        previous = n
    if len(starts) == 1 and depth:  # Statements without a blank line between them.
        return [(n, n + 1) for n in range(first, last)]
    return list(zip(starts, [*starts[1:], last], strict=True))
