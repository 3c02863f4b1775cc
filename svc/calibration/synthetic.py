"""Made-up vectors that are about as hard to search as those of real texts.

A vector is the centre of one of 200 topics, plus a variation within the topic, both in a subspace of 192 directions
whose spread falls with the square root of their rank, plus one direction that all share, plus 2 % of noise in every
direction, at length 1. Queries come from the same distribution, so that no query is nearly a stored vector.

The numbers were chosen so that 5,183 vectors of 1,536 dimensions resemble SciFact's 5,183 abstracts as MiniLM embeds
them, by the two figures that make a search hard: the intrinsic dimension (Levina and Bickel, "Maximum likelihood
estimation of intrinsic dimension", 2004; ten neighbours) 13.8 here and 14.1 there, and the mean cosine of two vectors
0.14 here and 0.15 there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_TOPICS = 200
_DIRECTIONS = 192
_VARIATION = 0.8
_NOISE = 0.15
_SHARED = 0.52


def synthetic_vectors(count: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """So many vectors, shape (count, dimensions); the same for the same seed, the same topics for every seed."""
    random = np.random.default_rng(seed)
    basis, spread, centres, shared = _structure(dimensions)
    variation = random.standard_normal((count, len(basis)), dtype=np.float32) * spread
    vectors = (centres[random.integers(0, _TOPICS, count)] + _VARIATION * variation) @ basis + shared
    vectors += random.standard_normal(vectors.shape, dtype=np.float32) * np.float32(_NOISE / dimensions**0.5)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@cache
def _structure(
    dimensions: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The directions as rows, their spread, the topics' centres among them, and what all vectors share."""
    random = np.random.default_rng(1)
    rank = min(_DIRECTIONS, dimensions)
    basis = np.linalg.qr(random.standard_normal((dimensions, rank)))[0].T
    spread = np.arange(1, rank + 1) ** -0.5
    spread /= np.linalg.norm(spread)
    centres = random.standard_normal((_TOPICS, rank)) * spread
    shared = random.standard_normal(dimensions)
    shared *= _SHARED / np.linalg.norm(shared)
    return (
        basis.astype(np.float32), spread.astype(np.float32), centres.astype(np.float32), shared.astype(np.float32),
    )  # fmt: skip
