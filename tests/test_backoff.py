from __future__ import annotations

import math

import pytest

from svc.backoff import backoff, jittered


@pytest.mark.parametrize(("attempt", "pause_s"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (8, 30)])
def test_the_pause_doubles_up_to_the_limit(attempt: int, pause_s: float) -> None:
    assert backoff(attempt, 0.5, 30) == pause_s


@pytest.mark.parametrize("attempt", [1_023, 1_024, 1_025, 2_000, 10**9])
@pytest.mark.parametrize("first_s", [1e-9, 0.5, 86_400.0, 1e300])
def test_no_number_of_attempts_overflows(attempt: int, first_s: float) -> None:
    assert backoff(attempt, first_s, 30) == 30


def test_without_a_first_pause_there_is_none() -> None:
    assert backoff(2_000, 0.0, 30) == 0


def test_jitter_takes_off_up_to_half() -> None:
    pauses = [jittered(8) for _ in range(1_000)]
    assert 4 <= min(pauses) < 4.5
    assert 7.5 < max(pauses) <= 8
    assert not math.isclose(pauses[0], pauses[1])
