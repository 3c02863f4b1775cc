"""Synthetic vectors, and the settings that a measurement of the lanes suggests."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from svc.calibration.crossover import LaneTimes, SizeTimes, suggest
from svc.calibration.synthetic import synthetic_vectors
from tests.conftest import PATIENCE_S
from tests.server_process import CABINET, clean_environment


def at(size: int, exact: float, bits: float, index: float) -> SizeTimes:
    """A measurement with these medians."""
    lanes = [LaneTimes(p50, 2 * p50, 1.0) for p50 in (exact, bits, index)]
    return SizeTimes(size, lanes[0], lanes[1], lanes[2], build_s=1.0)


def test_the_lanes_cross_between_two_measured_sizes() -> None:
    measured = [at(100, 0.4, 0.5, 0.6), at(1000, 1.0, 0.8, 0.9), at(10_000, 10, 2, 1)]
    suggested = suggest(measured)
    assert suggested.exact_max_rows is not None and 100 < suggested.exact_max_rows < 1000
    assert suggested.index_min_rows is not None and 1000 < suggested.index_min_rows < 10_000


@pytest.mark.parametrize(
    ("measured", "exact", "index"),
    [
        ([at(100, 1, 2, 3), at(1000, 1, 2, 3)], None, None),
        ([at(100, 3, 2, 1), at(1000, 3, 2, 1)], 0, 100),
        ([at(100, 3, 2, 1.9), at(1000, 3, 2, 1.9)], 0, None),
    ],
    ids=["the exact lane is the fastest throughout", "the index is", "the index is hardly faster"],
)
def test_where_nothing_crosses(measured: list[SizeTimes], exact: int | None, index: int | None) -> None:
    suggested = suggest(measured)
    assert (suggested.exact_max_rows, suggested.index_min_rows) == (exact, index)


@pytest.mark.parametrize("dimensions", [16, 256, 1536])
def test_made_up_vectors_are_the_same_for_the_same_seed_and_of_length_one(dimensions: int) -> None:
    vectors = synthetic_vectors(50, dimensions, 7)
    assert vectors.shape == (50, dimensions) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors, synthetic_vectors(50, dimensions, 7))
    assert not np.allclose(vectors, synthetic_vectors(50, dimensions, 8))


def test_the_command_measures_and_suggests() -> None:
    done = subprocess.run(
        [*CABINET, "bench", "--dimensions", "32", "--sizes", "150,400", "--rounds", "4"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=clean_environment(COLUMNS="120"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for size in ("150", "400"):
        (row,) = [line for line in done.stdout.splitlines() if f" {size} " in line]
        assert len(re.findall(r"\d\.\d\d / \d", row)) == 3, row
    assert "CABINET_EXACT_MAX_ROWS" in done.stdout
    assert "CABINET_INDEX_MIN_ROWS" in done.stdout


@pytest.mark.parametrize(("sizes", "reason"), [("ten", "whole numbers"), ("20,400", "smallest size is 100")])
def test_sizes_that_cannot_be_are_refused(sizes: str, reason: str) -> None:
    done = subprocess.run(
        [*CABINET, "bench", "--sizes", sizes], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert reason in done.stderr
