"""Signatures: a vector as bits, such that the share of differing bits grows with the angle between two vectors.

A bit is the sign of the vector's component along one direction. From 1,024 dimensions on the directions are those of
the vector itself. Fewer dimensions get more bits than they have, about 1,536: their directions are random orthonormal
bases. The hundred signatures nearest to a claim of SciFact hold this share of the ten nearest vectors, of MiniLM over
5,183 abstracts and of the local model over 11,987 pieces of them (`python -m tests.campaigns.signatures`):

    dimensions      plain signs   2 bases   3 bases   4 bases   6 bases
    384, MiniLM        0.946       0.985     0.994     0.999     1.000
    256, local         0.840       0.947     0.976     0.989     0.996

Signs of random projections: Charikar, "Similarity estimation techniques from rounding algorithms", 2002; that
orthogonal directions estimate the angle better: Ji and others, "Super-bit locality-sensitive hashing", 2012.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

_AIMED_BITS = 1536
_ENOUGH_DIMENSIONS = 1024
# Part of the data's format: with other directions no stored signature could be compared any more.
_SEED = 20_021_119


def signature_bits(dimensions: int) -> int:
    """Bits of a signature of vectors of so many dimensions; a multiple of eight."""
    bases = 1 if has_own_directions(dimensions) else math.ceil(_AIMED_BITS / dimensions)
    return max(8, bases * dimensions // 8 * 8)


def has_own_directions(dimensions: int) -> bool:
    """Whether a signature holds the signs of the vector itself; else it holds those of projections."""
    return dimensions >= _ENOUGH_DIMENSIONS


def index_candidates(dimensions: int) -> int:
    """How many of the nearest signatures an approximate index is to find, so that the ten nearest vectors are there.

    Of 224,000 passages of 20 words by the local model, 256 dimensions, the index of a tenant of 50,000 (m = 24) found
    0.968 of the ten nearest with 80, 0.985 with 120, and that of 200,000 found 0.977 with 120. 1,536 dimensions need
    fewer: 0.99 and more with 80.
    """
    return 80 if has_own_directions(dimensions) else 150


def signatures(vectors: NDArray[np.floating]) -> Sequence[bytes]:
    """The signatures of vectors, shape (count, dimensions): for each its bits, eight in a byte, first bit highest."""
    dimensions = vectors.shape[1]
    if has_own_directions(dimensions):
        projected = vectors[:, : signature_bits(dimensions)]
    else:
        projected = _project(np.asarray(vectors, dtype=np.float32), _directions(dimensions))
    # Half floats are compared in software, 7 µs for 1,536 of them; as integers they have the same sign, in 0.2 µs.
    signs = projected.view(np.int16) if projected.dtype == np.float16 else projected
    return [row.tobytes() for row in np.packbits(signs > 0, axis=1)]


def _project(vectors: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(vectors) > 1:
        return vectors @ directions
    # The query of a search: 0.1 ms on one core. BLAS would share it out to threads, which on busy cores wait for each
    # other: up to 19 ms.
    projected: NDArray[np.float32] = np.einsum("cd,db->cb", vectors, directions)
    return projected


@cache
def _directions(dimensions: int) -> NDArray[np.float32]:
    """The directions as columns, shape (dimensions, bits)."""
    return orthonormal_bases(dimensions, math.ceil(_AIMED_BITS / dimensions))[:, : signature_bits(dimensions)]


def orthonormal_bases(dimensions: int, count: int) -> NDArray[np.float32]:
    """So many random orthonormal bases, always the same, side by side: shape (dimensions, count * dimensions)."""
    # RandomState's streams are frozen by NumPy's policy (NEP 19); those of its newer generators are not.
    random = np.random.RandomState(_SEED)
    bases = []
    for _ in range(count):
        basis, triangle = np.linalg.qr(random.standard_normal((dimensions, dimensions)))
        # Which sign a column gets is LAPACK's choice; this makes it ours.
        bases.append(basis * np.sign(np.diag(triangle)))
    return np.concatenate(bases, axis=1).astype(np.float32)
