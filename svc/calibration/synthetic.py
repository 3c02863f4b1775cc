"""Synthetic vectors that are about as hard to search as those of real texts.

A vector is the sum of the centre of one of 1,000 topics and a variation within the topic, both in a subspace of 192
directions whose spread falls with the square root of their rank, of one common direction, and of noise in every
direction, scaled to length 1. Queries come from the same distribution, so that no query is close to a stored vector.

The numbers were chosen so that a search is as hard as in real texts (SciFact's 5,183 abstracts as MiniLM embeds
them; 30,000 passages of Python's documentation as the local model does), in as many vectors:

                                                     5,183          30,000
                                                made up   real   made up   real
    intrinsic dimension, ten neighbours           13.3    14.0     15.7    14.8
    variance between 200 clusters (k-means)       0.36    0.38     0.33    0.30
    mean cosine of two vectors                    0.16    0.15     0.16    0.24

The intrinsic dimension: Levina and Bickel, "Maximum likelihood estimation of intrinsic dimension", 2004. Vectors of
fewer but sharper topics make an approximate index fail by whole topics, in which real texts do not fall apart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_TOPICS = 1_000
_DIRECTIONS = 192
_VARIATION = 0.9
_NOISE = 0.15
_SHARED = 0.58


def synthetic_vectors(count: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """This number of vectors, shape (count, dimensions); equal for equal seeds, with the same topics for every seed."""
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
    """The directions as rows, their spread, the topics' centres in them, and the component common to all vectors."""
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
