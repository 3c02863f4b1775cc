"""How long to wait before another attempt: twice as long after each failure, up to a limit."""

from __future__ import annotations

import random

# 2.0**1024 raises OverflowError. Long before that every limit is reached.
_MOST_DOUBLINGS = 1000


def backoff(attempt: int, first_s: float, most_s: float) -> float:
    """Seconds to wait after the failed attempt number `attempt`, counted from 1: `first_s`, then twice as long each
    time, but never more than `most_s`. Any number of attempts is allowed."""
    return min(most_s, first_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))


def jittered(pause_s: float) -> float:
    """Between half of `pause_s` and all of it, at random, so that those who failed together do not return together."""
    return pause_s * random.uniform(0.5, 1)  # noqa: S311  not for cryptography
