"""Cuts running text at paragraphs, sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semantic_text_splitter import TextSplitter

from svc.ingest.tokens import WordCounter

Span = tuple[int, int]

# For each chunk, the splitter rescans the whole line that contains it, and it keeps an entry for every newline. Both
# are bounded here, at sizes that text written by people does not reach.
_LINE_CHARACTERS = 16_000
_LINE_CHARACTERS_NOT_ASCII = 5_000
_BLOCK_CHARACTERS = 1_000_000
_LONG_LINE = re.compile(rf"[^\n]{{{_LINE_CHARACTERS_NOT_ASCII},}}")


class ProseCutter:
    """Cuts text into spans of at most `tokens`, of which neighbours share at most `overlap_tokens`."""

    def __init__(self, counter: WordCounter, tokens: int, overlap_tokens: int) -> None:
        # The splitter does not count a text that has fewer bytes than the limit has tokens. But the tokenizer adds one
        # token to a text of unknown characters, so both the count and the limit exclude that token.
        self._splitter = TextSplitter.from_callback(
            lambda text: max(counter.count(text) - 1, 0), max(tokens - 1, 1), max(overlap_tokens - 1, 0)
        )

    def spans(self, text: str) -> Iterator[Span]:
        """Yield the spans of `text`, in order, none of them blank, with no white space at their ends."""
        for first, last in _blocks(text):
            for start, content in self._splitter.chunk_indices(text[first:last]):
                if content.strip():
                    yield first + start, first + start + len(content)


def _blocks(text: str) -> Iterator[Span]:
    """Yield pieces of `text` that the splitter processes in linear time; nearly always there is only one, the whole
    text."""
    start = 0
    for line in _LONG_LINE.finditer(text):
        for cut in _cuts(text, line.start(), line.end()):
            yield from _pages(text, start, cut)
            start = cut
    yield from _pages(text, start, len(text))


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the positions at which to cut the line `text[start:end]`: after a space near the end, if there is one."""
    most = _LINE_CHARACTERS if text[start:end].isascii() else _LINE_CHARACTERS_NOT_ASCII
    while end - start > most:
        space = text.rfind(" ", start + most * 3 // 4, start + most)
        start = space + 1 if space >= 0 else start + most
        yield start


def _pages(text: str, start: int, last: int) -> Iterator[Span]:
    """Yield pieces of `text` of bounded size, cut between paragraphs if possible, else between lines."""
    while last - start > _BLOCK_CHARACTERS:
        end = start + _BLOCK_CHARACTERS
        for pause in ("\n\n", "\n"):
            cut = text.rfind(pause, start + _BLOCK_CHARACTERS // 2, end)
            if cut >= 0:
                end = cut + len(pause)
                break
        yield start, end
        start = end
    yield start, last
