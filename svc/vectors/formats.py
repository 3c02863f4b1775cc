"""Tells vectors that can be stored and searched from those that cannot.

PostgreSQL accepts some vectors that are then never found: a zero vector has no cosine and no index holds it.
Others it refuses in the middle of a write. So every vector is checked here first, whether it came from a
provider or with a request.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svc.errors import EmbeddingRefusedError, InvalidRequestError

LARGEST_COMPONENT = 65504.0
"""The largest finite number in half precision (IEEE 754 binary16), which pgvector's `halfvec` stores."""

LARGEST_LOST_COMPONENT = 2.0**-25
"""What is not larger than this becomes zero in half precision: half of its least number, ties going to even.
"""


def check_vectors(
    vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    *,
    count: int,
    dimensions: int,
    first: int = 0,
) -> NDArray[np.float32]:
    """Check the vectors that a provider gave for `count` texts, and return them as one array.

    Args:
        vectors: one row, or one array, a text.
        count: how many there must be.
        dimensions: how many components each must have.
        first: the index that the first vector's text has for the caller, so that a sentence names the right
            text.

    Returns:
        The vectors, of shape (count, dimensions).

    Raises:
        EmbeddingRefusedError: the count or a dimension is wrong, or a vector holds NaN, an infinity, a
            component beyond half precision, or nothing but zeros once it is in half precision. It names the
            first such text.
    """
    if len(vectors) != count:
        raise EmbeddingRefusedError(f"the embedding model gave {len(vectors)} vectors for {count} texts")
    for index, vector in enumerate(vectors):
        if len(vector) != dimensions:
            raise EmbeddingRefusedError(_wrong_dimensions(first + index, len(vector), dimensions))
    matrix = np.asarray(vectors, dtype=np.float32).reshape(count, dimensions)
    row = _first_unusable(matrix)
    if row is not None:
        raise EmbeddingRefusedError(f"the embedding of text {first + row} cannot be used: {_why_unusable(matrix[row])}")
    return matrix


def check_query_vector(values: Sequence[float], dimensions: int) -> NDArray[np.float32]:
    """Check the embedding that came with a request, and return it as an array of shape (dimensions,).

    Raises:
        InvalidRequestError: the dimension is wrong or the vector cannot be searched with; the field is
            `embedding`.
    """
    if len(values) != dimensions:
        raise InvalidRequestError(
            f"the embedding has {len(values)} dimensions, but the stored ones have {dimensions}",
            field="embedding",
        )
    # In double precision first: 1e300 is to be named as it was sent, not as the infinity it would become.
    row = np.asarray(values, dtype=np.float64)
    if _first_unusable(row[np.newaxis]) is not None:
        raise InvalidRequestError(f"the embedding cannot be used: {_why_unusable(row)}", field="embedding")
    return row.astype(np.float32)


def _wrong_dimensions(index: int, given: int, expected: int) -> str:
    return (
        f"the embedding model gave {given} dimensions for text {index}, but {expected} are stored: "
        "CABINET_EMBEDDING_MODEL and CABINET_EMBEDDING_DIMENSIONS must name a model and what it gives"
    )


def _first_unusable(matrix: NDArray[np.floating]) -> int | None:
    """Row of the first vector that cannot be used, None when all can."""
    if not len(matrix):
        return None
    largest = np.abs(matrix).max(axis=1)
    # NaN passes through abs and max and fails every comparison, so it counts as unusable here too.
    unusable = ~((largest > LARGEST_LOST_COMPONENT) & (largest <= LARGEST_COMPONENT))
    return int(unusable.argmax()) if unusable.any() else None


def _why_unusable(vector: NDArray[np.floating]) -> str:
    finite = np.isfinite(vector)
    if not finite.all():
        component = int(finite.argmin())
        return f"component {component} is {'NaN' if np.isnan(vector[component]) else 'infinite'}"
    component = int(np.abs(vector).argmax())
    value = float(vector[component])
    if abs(value) > LARGEST_COMPONENT:
        return f"component {component} is {value:g}, beyond ±{LARGEST_COMPONENT:g}, the range of half precision"
    if value == 0:
        return "it is zero, so its cosine is undefined and no index would hold it"
    return f"it becomes zero in half precision (its largest component is {value:g})"
