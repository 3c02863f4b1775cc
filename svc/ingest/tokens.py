"""Counts tokens with the tokenizer of the local embedding model.

The counts of remote models differ by a few percent. Limits on chunks always refer to these tokens, whatever the model.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

# The tokenizer's threads do not survive a fork, and its callers already run in parallel.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

COUNTED_AT_ONCE = 4_000
"""The number of characters whose tokens are counted in about a millisecond."""

_FILE = "tokenizers/l2_supercat_tokenizer_config.json"
# The tokenizer represents a space as U+2581, so that character itself counts as a space.
_WORD = re.compile("[ \u2581]+[^ \u2581\n]*|\n[^ \u2581\n]*")
_LONG_TEXT = 10_000
_LONGEST_KEPT_WORD = 64
_MOST_KEPT_WORDS = 200_000
# Short lines take more memory as keys than as text.
_MOST_KEPT_BYTES = 16 * 2**20
_BYTES_OF_KEY = 130


@cache
def tokenizer() -> Tokenizer:
    """The tokenizer, read once from the installed package. It treats a marker in a text, such as `<s>`, as text."""
    # Importing the package would load its model.
    package = importlib.util.find_spec("wordllama")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("wordllama, which contains the tokenizer, is not installed", name="wordllama")
    loaded = Tokenizer.from_file(str(Path(package.origin).parent / _FILE))
    loaded.no_padding()
    loaded.no_truncation()
    loaded.encode_special_tokens = True
    return loaded


def count_tokens(text: str) -> int:
    """The number of tokens in `text`, without the markers that a model adds at its ends."""
    if len(text) > _LONG_TEXT:
        return WordCounter().count(text)  # the tokenizer takes a second per megabyte
    return _encoded_length(text)


async def count_tokens_aside(text: str) -> int:
    """Count tokens like `count_tokens`; a long text is counted in a thread, so that it does not block the event
    loop."""
    return count_tokens(text) if len(text) <= COUNTED_AT_ONCE else await asyncio.to_thread(count_tokens, text)


def count_tokens_batch(texts: Sequence[str]) -> list[int]:
    """The number of tokens in each text, in the given order."""
    return [len(one) for one in tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)]


class WordCounter(dict[str, int]):
    """Counts like `count_tokens` and caches each word, for callers that count the same text many times.

    The counts are exact: no token of the vocabulary extends from a word across the space or the newline after it, so
    the count of a text is the sum of the counts of its words, each with the spaces or the newline before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, int] = {}
        self._kept_bytes = 0

    def count(self, text: str) -> int:
        """The number of tokens in `text`."""
        if not text:
            return 0
        if len(self) > _MOST_KEPT_WORDS:
            self.clear()
        # A word begins at a space or a newline, so the count is also the sum of the counts of the lines.
        first, *lines = text.split("\n")
        return self._line(" " + first) + sum([self._line("\n" + line) for line in lines])

    def _line(self, line: str) -> int:
        tokens = self._lines.get(line)
        if tokens is None:
            tokens = sum(map(self.__getitem__, _WORD.findall(line)))
            self._kept_bytes += len(line) + _BYTES_OF_KEY
            if self._kept_bytes > _MOST_KEPT_BYTES:
                self._lines.clear()
                self._kept_bytes = 0
            self._lines[line] = tokens
        return tokens

    def __missing__(self, word: str) -> int:
        if word[1:].isdecimal() and word.isascii():
            return len(word)  # a token for each digit; there are too many numbers to keep
        # The tokenizer prepends a space to its input: the first one of the word, or one too many before a newline. An
        # empty text has no tokens, but a trailing space is one.
        tokens = _encoded_length(word) - 1 if word[0] == "\n" else _encoded_length(word[1:]) or 1
        if len(word) <= _LONGEST_KEPT_WORD:
            self[word] = tokens
        return tokens


def _encoded_length(text: str) -> int:
    return len(tokenizer().encode(text, add_special_tokens=False))
