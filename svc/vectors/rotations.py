"""Random rotations of vectors that use only additions.

A rotation flips random signs and applies the Walsh-Hadamard transform, twice: H D2 H D1, after Andoni et al.,
"Practical and optimal LSH for angular distance", 2015. A vector whose number of dimensions is no power of two is padded
with zeros.

This uses no matrix and no linear algebra library. The library's threads can hang a process that forks, and the last
bits of its results differ between machines. Single-precision additions in a fixed order give the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 2
# The size of a batch that stays in the processor's cache.
_NUMBERS_AT_ONCE = 2**16
# A batch of at least this number of vectors is stored by components. In the other order, one vector takes 0.64 times as
# long with 256 dimensions, and 0.28 times with 768.
_MANY = 16
# Part of the format of stored signatures: with other signs, stored signatures would be incomparable with new ones.
_SEED = b"cabinet signatures, 20021119"


def rotated(vectors: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """The first `count` components of the concatenated rotations of each vector, shape (vectors, `count`).

    All components are scaled by the same factor. One rotation yields `rotation_width` components.
    """
    width = rotation_width(vectors.shape[1])
    rotations = math.ceil(count / width)
    at_once = max(1, _NUMBERS_AT_ONCE // (rotations * width))
    result = np.empty((len(vectors), count), dtype=np.float32)
    for first in range(0, len(vectors), at_once):
        batch = vectors[first : first + at_once]
        result[first : first + at_once] = _rotated_batch(batch, rotations, width)[:, :count]
    return result


def rotation_width(dimensions: int) -> int:
    """The number of components of one rotation: the dimensions, rounded up to a power of two."""
    return 1 << (dimensions - 1).bit_length()


def _rotated_batch(vectors: NDArray[np.floating], rotations: int, width: int) -> NDArray[np.float32]:
    """The components of all rotations, shape (vectors, rotations * width)."""
    count, dimensions = vectors.shape
    # An addition should process much memory in one run: a component of many vectors, or all components of one of a few.
    if count < _MANY:
        numbers = np.zeros((count, rotations, width), dtype=np.float32).T
    else:
        numbers = np.zeros((width, rotations, count), dtype=np.float32)
    numbers[:dimensions] = vectors.T[:, None]
    other = np.empty_like(numbers)
    half = width // 2
    for signs in _signs(rotations, width):
        numbers *= signs
        for _ in range(width.bit_length() - 1):
            even, odd = numbers[0::2], numbers[1::2]
            np.add(even, odd, out=other[:half])
            np.subtract(even, odd, out=other[half:])
            numbers, other = other, numbers
    return numbers.transpose(2, 1, 0).reshape(count, rotations * width)


@cache
def _signs(rotations: int, width: int) -> NDArray[np.float32]:
    """Random but fixed signs, 1 and -1, shape (_ROUNDS, width, rotations, 1)."""
    count = _ROUNDS * rotations * width
    # Unlike a random number generator, a hash function does not change between releases.
    stream = hashlib.shake_256(_SEED).digest(math.ceil(count / 8))
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8))[:count]
    signs: NDArray[np.float32] = 1 - 2 * bits.astype(np.float32)
    signs.flags.writeable = False
    return signs.reshape(_ROUNDS, rotations, width, 1).swapaxes(1, 2)
