"""Timing on a machine with other load: variants take turns, and the median of many rounds is used."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Warm-up before each timed block, in seconds.
_SETTLING_S = 0.06

Variant = Callable[[int], Awaitable[Any]]
"""Runs the work of the round with a number, and returns its result."""


@dataclass
class Times:
    """The milliseconds and the result of each round."""

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

    def is_enough(self, limit_s: float) -> bool:
        """Whether the rounds, at least three, have used up this number of seconds."""
        return len(self.milliseconds) >= 3 and sum(self.milliseconds) > limit_s * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The quantile of the values for this share, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def interleaved(
    variants: Mapping[str, Variant],
    rounds: int,
    *,
    warm_up: int = 3,
    limit_s: float = 60.0,
    block: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Times]:
    """Time variants in turn, A B C A B C …, after `warm_up` uncounted rounds.

    With a `block` of more than one, a variant keeps its turn for this number of rounds, after some uncounted ones, so
    that its times do not depend on the caches that the previous variant left.

    A variant that has used up `limit_s` seconds gets no further round, but has at least three. Round `i` gets the
    number `i`, including warm-up rounds, so that every variant has the same work.
    """
    times = {name: Times() for name in variants}
    for number in range(-warm_up, 0):
        for variant in variants.values():
            await variant(number % rounds)
        advance()
    for first in range(0, rounds, block):
        for name, variant in variants.items():
            kept = times[name]
            if kept.is_enough(limit_s):
                continue
            if block > 1:
                await _settle(variant, first + block, rounds)
            for number in range(first, min(first + block, rounds)):
                started = time.perf_counter()
                result = await variant(number)
                kept.milliseconds.append((time.perf_counter() - started) * 1000)
                kept.results.append(result)
                if kept.is_enough(limit_s):
                    break
        advance()
    return times


async def _settle(variant: Variant, first: int, rounds: int) -> None:
    """Run a variant with the work of other rounds until it has filled the caches."""
    ends = time.perf_counter() + _SETTLING_S
    for number in range(first, first + rounds):
        await variant(number % rounds)
        if time.perf_counter() > ends:
            break
