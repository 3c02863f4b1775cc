"""Exponential backoff: the pause before a retry doubles with each failure, up to a limit."""

from __future__ import annotations

import random

# 2.0**1024 raises OverflowError. Every limit is reached long before that.
_MOST_DOUBLINGS = 1000


def backoff(attempt: int, first_s: float, most_s: float) -> float:
    """Seconds to wait after failed attempt number `attempt`, counted from 1.

    It is `first_s` after the first attempt, and doubles each time up to `most_s`, for any number of attempts.
    """
    return min(most_s, first_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))


def jittered(pause_s: float) -> float:
    """A random time from half of `pause_s` to `pause_s`, so that processes that fail together do not retry together."""
    return pause_s * random.uniform(0.5, 1)  # noqa: S311  not for cryptography
