"""Checks whether vectors can be stored and searched.

PostgreSQL accepts some vectors that no search finds: a zero vector has no cosine and is in no index. It refuses others
in the middle of a write. Every vector is therefore checked here first, whether it comes from a provider or from a
request.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svc.errors import EmbeddingRefusedError, InvalidRequestError

LARGEST_COMPONENT = 65504.0
"""The largest finite number in half precision (IEEE 754 binary16), which pgvector's `halfvec` stores."""

LARGEST_LOST_COMPONENT = 2.0**-25
"""Components up to this magnitude become zero in half precision: it is half of the smallest positive number."""


def check_vectors(
    vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32],
    *,
    count: int,
    dimensions: int,
    first: int = 0,
) -> NDArray[np.float32]:
    """Check the vectors that a provider returned for `count` texts, and return them as one array.

    Args:
        vectors: one row, or one array, for each text.
        count: the required number of vectors.
        dimensions: the required number of components.
        first: the caller's index of the first text, for error messages.

    Returns:
        The vectors, of shape (count, dimensions).

    Raises:
        EmbeddingRefusedError: the count or a dimension is wrong, or a vector contains NaN, an infinity, or a component
            out of the range of half precision, or is zero in half precision. The detail names the first such text.
    """
    if len(vectors) != count:
        raise EmbeddingRefusedError(f"the embedding model returned {len(vectors)} vectors for {count} texts")
    for index, vector in enumerate(vectors):
        if len(vector) != dimensions:
            raise EmbeddingRefusedError(_wrong_dimensions(first + index, len(vector), dimensions))
    matrix = np.asarray(vectors, dtype=np.float32).reshape(count, dimensions)
    row = _first_unusable(matrix)
    if row is not None:
        raise EmbeddingRefusedError(f"the embedding of text {first + row} cannot be used: {_why_unusable(matrix[row])}")
    return matrix


def check_query_vector(values: Sequence[float], dimensions: int, field: str = "embedding") -> NDArray[np.float32]:
    """Check the embedding in a request, and return it as an array of shape (dimensions,).

    Raises:
        InvalidRequestError: the dimension is wrong or the vector is unusable; it names `field`.
    """
    subject = "the embedding" if field == "embedding" else field
    if len(values) != dimensions:
        raise InvalidRequestError(
            f"{subject} has {len(values)} dimensions, but the stored ones have {dimensions}",
            field=field,
        )
    # In double precision, so that the message shows 1e300 as it was sent, not the infinity it would become.
    row = np.asarray(values, dtype=np.float64)
    if _first_unusable(row[np.newaxis]) is not None:
        raise InvalidRequestError(f"{subject} cannot be used: {_why_unusable(row)}", field=field)
    return row.astype(np.float32)


def _wrong_dimensions(index: int, given: int, expected: int) -> str:
    return (
        f"the embedding model returned {given} dimensions for text {index}, but the stored vectors have {expected}: "
        "CABINET_EMBEDDING_DIMENSIONS must match the model in CABINET_EMBEDDING_MODEL"
    )


def _first_unusable(matrix: NDArray[np.floating]) -> int | None:
    """The row of the first unusable vector; None if all are usable."""
    if not len(matrix):
        return None
    largest = np.abs(matrix).max(axis=1)
    # NaN passes through abs and max and fails every comparison, so it is also unusable.
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
        return f"component {component} is {value:g}, outside ±{LARGEST_COMPONENT:g}, the range of half precision"
    if value == 0:
        return "it is zero, so its cosine is undefined and no index would contain it"
    return f"it becomes zero in half precision (its largest component is {value:g})"
