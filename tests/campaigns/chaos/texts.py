"""Texts of documents: paragraphs that name their document, so that a chunk in the wrong place is detected."""

from __future__ import annotations

import random

_TEXT = (
    "harbour lantern granite meadow signal copper winter orchard ledger compass thunder willow anchor "
    "marble falcon bridge velvet timber canyon ember glacier quarry saddle beacon cellar pepper island "
    "mirror garden silver"
)
WORDS = _TEXT.split()


def text_of(name: str, version: int, chunks: int, chance: random.Random) -> str:
    """A text of about this many chunks of 64 tokens."""
    return "\n\n".join(
        f"Part {part} of version {version} of {name} says {' '.join(chance.choices(WORDS, k=24))}."
        for part in range(1, chunks + 1)
    )


def question(chance: random.Random) -> str:
    """A query that finds some of them."""
    return " ".join(chance.choices(WORDS, k=4))
