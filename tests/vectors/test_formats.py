"""Refused vectors, with a message that names the vector and the reason."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from svc.embedding.provider import check_texts
from svc.errors import EmbeddingRefusedError, InvalidRequestError
from svc.vectors.formats import check_query_vector, check_vectors


def three_vectors() -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((3, 8), dtype=np.float32)


def test_valid_vectors_are_returned_unchanged() -> None:
    vectors = three_vectors()
    np.testing.assert_array_equal(check_vectors(vectors, count=3, dimensions=8), vectors)
    np.testing.assert_array_equal(check_vectors(list(vectors), count=3, dimensions=8), vectors)
    assert check_vectors([], count=0, dimensions=8).shape == (0, 8)


@pytest.mark.parametrize(
    ("component", "why"),
    [
        (np.nan, r"component 5 is NaN"),
        (np.inf, r"component 5 is infinite"),
        (-np.inf, r"component 5 is infinite"),
        (65505.0, r"component 5 is 65505, outside ±65504"),
        (-1e30, r"component 5 is -1e\+30, outside ±65504"),
    ],
)
def test_a_component_that_cannot_be_stored_is_refused_with_its_index(component: float, why: str) -> None:
    vectors = three_vectors()
    vectors[1, 5] = component
    with pytest.raises(EmbeddingRefusedError, match=f"text 1 .*{why}"):
        check_vectors(vectors, count=3, dimensions=8)
    with pytest.raises(EmbeddingRefusedError, match="text 41 "):
        check_vectors(vectors, count=3, dimensions=8, first=40)


@pytest.mark.parametrize(("value", "why"), [(0.0, "it is zero"), (2.0**-25, "zero in half precision")])
def test_a_vector_that_no_index_would_hold_is_refused(value: float, why: str) -> None:
    vectors = three_vectors()
    vectors[2] = value
    with pytest.raises(EmbeddingRefusedError, match=f"text 2 .*{why}"):
        check_vectors(vectors, count=3, dimensions=8)


@pytest.mark.parametrize("value", [65504.0, -65504.0, float(np.nextafter(np.float32(2.0**-25), np.float32(1)))])
def test_the_limits_are_those_of_half_precision_and_no_narrower(value: float) -> None:
    vectors = three_vectors()
    vectors[0] = 0
    vectors[0, 3] = value
    stored = check_vectors(vectors, count=3, dimensions=8).astype(np.float16)
    assert np.isfinite(stored).all()
    assert stored[0].any()


def test_a_wrong_dimension_names_both_numbers_and_the_settings() -> None:
    rows = [*three_vectors(), np.ones(6, dtype=np.float32)]
    with pytest.raises(EmbeddingRefusedError) as refusal:
        check_vectors(rows, count=4, dimensions=8)
    for part in (
        "text 3",
        "6 dimensions",
        "the stored vectors have 8",
        "CABINET_EMBEDDING_MODEL",
        "CABINET_EMBEDDING_DIMENSIONS",
    ):
        assert part in refusal.value.detail


def test_a_wrong_count_is_refused() -> None:
    with pytest.raises(EmbeddingRefusedError, match="3 vectors for 4 texts"):
        check_vectors(three_vectors(), count=4, dimensions=8)


def test_the_embedding_of_a_request_comes_back_in_single_precision() -> None:
    vector = check_query_vector([1, 0.5, -0.25], 3)
    assert vector.dtype == np.float32
    assert vector.tolist() == [1.0, 0.5, -0.25]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1.0, 2.0], "2 dimensions, but the stored ones have 3"),
        ([], "0 dimensions"),
        ([0.0, 0.0, 0.0], "it is zero"),
        ([0.0, -0.0, 1e-9], "zero in half precision"),
        ([1.0, float("nan"), 0.0], "component 1 is NaN"),
        ([1.0, 0.0, 1e300], r"component 2 is 1e\+300, outside"),
        ([1.0, 0.0, float("-inf")], "component 2 is infinite"),
    ],
)
def test_an_unusable_embedding_in_a_request_is_an_error_of_the_client(values: list[float], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why) as refusal:
        check_query_vector(values, 3)
    assert refusal.value.field == "embedding"


def test_a_text_that_no_model_takes_is_named() -> None:
    assert check_texts(["a", "é", " ", "\u200b", "日本"]) == [1, 2, 1, 3, 6]
    with pytest.raises(EmbeddingRefusedError, match="text 1 is empty"):
        check_texts(["a", "", "b"])
    with pytest.raises(EmbeddingRefusedError, match="text 2 contains a lone surrogate at character 3"):
        check_texts(["a", "b", "abc\ud800"])
