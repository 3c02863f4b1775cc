"""Measures the share of the 10 nearest vectors among the 100 nearest signatures, by the number of bits.

    python -m tests.campaigns.signatures FOLDER

SciFact's abstracts and claims: as MiniLM embeds them (384 dimensions), and the abstracts cut into pieces of 120 words
as the local model does (256 dimensions).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from svc.embedding.choice import create_provider
from svc.settings import Settings
from svc.vectors.rotations import rotated

NEAREST, CANDIDATES = 10, 100
WORDS = 120
BITS = (384, 768, 1152, 1536, 2304)


async def local_vectors(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pieces of the abstracts, and the claims, as the local model embeds them."""
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").open()]
    texts = [f"{entry['title']}. {entry['text']}".split() for entry in corpus]
    pieces = [" ".join(words[i : i + WORDS]) for words in texts for i in range(0, len(words), WORDS)]
    claims = [json.loads(line)["text"] for line in (folder / "queries.jsonl").open()]
    provider = create_provider(Settings(_env_file=None))
    return await provider.embed(pieces), await provider.embed(claims)


def recall(vectors: NDArray[np.float32], queries: NDArray[np.float32], bits: int | None) -> float:
    """The share of the nearest by cosine that are among the nearest by signature; None: the vector's own signs."""
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :NEAREST]
    signs = [np.sign(each if bits is None else rotated(each, bits)) for each in (vectors, queries)]
    nearest = np.argpartition(-(signs[1] @ signs[0].T), CANDIDATES, axis=1)[:, :CANDIDATES]
    return float(np.mean([len({*one} & {*other}) / NEAREST for one, other in zip(exact, nearest, strict=True)]))


def main() -> None:
    """Run the campaign and print its table."""
    folder = Path(sys.argv[1])
    minilm = [np.load(folder / f"{name}.minilm.f16.npy").astype(np.float32) for name in ("corpus", "queries")]
    table = Table("model", "vectors", "plain signs", *(f"{bits:,} bits" for bits in BITS))
    for name, (vectors, queries) in {"MiniLM": minilm, "local": asyncio.run(local_vectors(folder))}.items():
        unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (vectors, queries)]
        dimensions = vectors.shape[1]
        cells = [f"{recall(unit[0], unit[1], bits):.3f}" for bits in (None, *BITS)]
        table.add_row(f"{name}, {dimensions}", f"{len(vectors):,}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
