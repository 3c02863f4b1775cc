"""Counts of tokens, with the tokenizer that the local embedding model carries.

Remote models count differently, by some percent; limits on chunks are limits in these tokens, whatever the model.
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

# Threads of the tokenizer do not survive a fork, and its callers are already as parallel as they want to be.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

COUNTED_AT_ONCE = 4_000
"""Characters whose tokens are counted in about a millisecond."""

_FILE = "tokenizers/l2_supercat_tokenizer_config.json"
# A space is the character U+2581 to the tokenizer, so a text that holds that character itself counts as if spaced.
_WORD = re.compile("[ \u2581]([ \u2581]*[^ \u2581]*)")
_LONG_TEXT = 10_000
_LONGEST_KEPT_WORD = 64
_MOST_KEPT_WORDS = 200_000


@cache
def tokenizer() -> Tokenizer:
    """The tokenizer, read once from the installed package; a marker such as `<s>` inside a text is plain text."""
    # Found without importing the package, which would load its model.
    package = importlib.util.find_spec("wordllama")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("wordllama is not installed; it carries the tokenizer", name="wordllama")
    loaded = Tokenizer.from_file(str(Path(package.origin).parent / _FILE))
    loaded.no_padding()
    loaded.no_truncation()
    loaded.encode_special_tokens = True
    return loaded


def count_tokens(text: str) -> int:
    """Tokens of `text`, without the markers that a model puts around it."""
    if len(text) > _LONG_TEXT:
        return WordCounter().count(text)  # the tokenizer itself takes a second for a megabyte
    return _encoded_length(text)


async def count_tokens_aside(text: str) -> int:
    """The same, of a long text beside the event loop, so that others are answered meanwhile."""
    return count_tokens(text) if len(text) <= COUNTED_AT_ONCE else await asyncio.to_thread(count_tokens, text)


def count_tokens_batch(texts: Sequence[str]) -> list[int]:
    """Tokens of each text, in the order given."""
    return [len(one) for one in tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)]


class WordCounter(dict[str, int]):
    """Counts like `count_tokens`, and remembers each word, for a caller that counts the same text many times.

    Equal, not close: no token of the vocabulary reaches from the end of a word over the space after it, so the
    count of a text is the sum over its words, each with the spaces before it.
    """

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        if not text:
            return 0
        if len(self) > _MOST_KEPT_WORDS:
            self.clear()
        # The tokenizer puts one space before whatever it is given; so each word is given without its first space.
        return sum(map(self.__getitem__, _WORD.findall(" " + text)))

    def __missing__(self, word: str) -> int:
        tokens = _encoded_length(word) if word else 1  # a space at the very end
        if len(word) <= _LONGEST_KEPT_WORD:
            self[word] = tokens
        return tokens


def _encoded_length(text: str) -> int:
    return len(tokenizer().encode(text, add_special_tokens=False))
