"""Real vectors: passages of texts by the local model, and SciFact's abstracts and claims by MiniLM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svc.embedding.local import LocalProvider
from svc.settings import Settings

PASSAGE_WORDS = 40
QUERY_WORDS = 12
# One in this number of passages is held out, and its first words become a query.
_QUERY_EVERY = 200


@dataclass(frozen=True)
class RealVectors:
    """Vectors to store and vectors to search with, shapes (count, dimensions), length 1; and their source."""

    source: str
    stored: NDArray[np.float32]
    queries: NDArray[np.float32]


async def passage_vectors(folder: Path, words: int = PASSAGE_WORDS) -> RealVectors:
    """The `.txt`, `.rst` and `.md` files below a folder, split into passages of `words` words, and embedded locally.

    Every two hundredth passage is held out; its first twelve words are a query.
    """
    passages = _passages(folder, words)
    asked = [" ".join(passage.split()[:QUERY_WORDS]) for passage in passages[::_QUERY_EVERY]]
    kept = [passage for number, passage in enumerate(passages) if number % _QUERY_EVERY]
    provider = LocalProvider(Settings(_env_file=None))
    try:
        stored, queries = await provider.embed(kept), await provider.embed(asked)
    finally:
        await provider.close()
    return RealVectors(f"{len(kept):,} passages of {words} words of {folder}, local model", stored, queries)


def _passages(folder: Path, words: int) -> list[str]:
    files = sorted(path for suffix in ("txt", "rst", "md") for path in folder.rglob(f"*.{suffix}"))
    passages: list[str] = []
    for file in files:
        text = file.read_text(errors="replace").split()
        passages += [" ".join(text[first : first + words]) for first in range(0, len(text) - words // 2, words)]
    # Equal texts would have equal vectors, which no search could distinguish.
    unique = list(dict.fromkeys(passages))
    # Licences and changelogs are next to each other; after shuffling, every tenant gets some of everything.
    return [unique[i] for i in np.random.default_rng(5).permutation(len(unique))]


def scifact_vectors(folder: Path) -> RealVectors:
    """SciFact's abstracts as stored vectors, its claims as queries, embedded by MiniLM (384 dimensions)."""
    stored, queries = (np.load(folder / f"{name}.minilm.f16.npy").astype(np.float32) for name in ("corpus", "queries"))
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (stored, queries)]
    return RealVectors(f"{len(stored):,} abstracts of SciFact, MiniLM", unit[0], unit[1])
