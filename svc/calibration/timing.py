"""Timing on a machine that others use too: variants take turns, and the median of many rounds is what counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_SETTLING_RUNS = 5
_QUICK_MS = 20.0

Variant = Callable[[int], Awaitable[Any]]
"""Runs the work of one round, given the number of the round, and returns what it found."""


@dataclass
class Times:
    """Milliseconds of each round, and what each round returned."""

    milliseconds: list[float] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """The 95th percentile, in milliseconds."""
        return percentile(self.milliseconds, 0.95)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def interleaved(
    variants: Mapping[str, Variant],
    rounds: int,
    *,
    warm_up: int = 3,
    limit_s: float = 60.0,
    settles: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Times]:
    """Time variants in turn, A B C A B C …, after `warm_up` rounds that do not count.

    With `settles` a variant runs uncounted, with the work of other rounds, before each time that counts: what the one
    before it has pushed out of the processor's caches is not held against it. Five times where it takes milliseconds,
    which the caches still remember, else once.

    A variant that has used up `limit_s` seconds takes part in no further round, but has at least three. Round `i`
    gets the number `i`, warm-up rounds included, so that every variant meets the same work.
    """
    times = {name: Times() for name in variants}
    for number in range(-warm_up, rounds):
        for name, variant in variants.items():
            kept = times[name]
            if len(kept.milliseconds) >= 3 and sum(kept.milliseconds) > limit_s * 1000:
                continue
            is_quick = bool(kept.milliseconds) and kept.milliseconds[-1] < _QUICK_MS
            for other in range((_SETTLING_RUNS if is_quick else 1) if settles else 0):
                await variant((number + 1 + other) % rounds)
            started = time.perf_counter()
            result = await variant(number % rounds)
            elapsed_ms = (time.perf_counter() - started) * 1000
            if number >= 0:
                kept.milliseconds.append(elapsed_ms)
                kept.results.append(result)
        advance()
    return times
