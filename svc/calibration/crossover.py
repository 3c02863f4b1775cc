"""Measures the sizes of a tenant at which one lane of the search becomes faster than another on this hardware."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.calibration.timing import Times, interleaved
from svc.database.queries import Database
from svc.search.filters import Filters
from svc.search.index_plan import planned_steps
from svc.search.lanes import Lane, Search, TenantSize, run_search
from svc.search.own_indexes import IndexBuilder

LIMIT = 10
_QUERIES = 100
# A lane that needs an index build or loses recall must be clearly faster.
_CLEARLY = 0.9
_SEED = 1_000
_LANES: tuple[Lane, ...] = ("exact", "bits", "index")


@dataclass(frozen=True)
class LaneTimes:
    """One lane at one size: milliseconds, and the share of the exact lane's ten nearest that it found."""

    p50_ms: float
    p95_ms: float
    recall: float


@dataclass(frozen=True)
class SizeTimes:
    """The lanes at one size of a tenant, and the build time of the tenant's index."""

    size: int
    exact: LaneTimes
    bits: LaneTimes
    index: LaneTimes
    build_s: float


@dataclass(frozen=True)
class Crossover:
    """Settings that a measurement suggests: `CABINET_EXACT_MAX_ROWS` and `CABINET_INDEX_MIN_ROWS`.

    None if the lane for larger sizes was not faster at any measured size.
    """

    exact_max_rows: int | None
    index_min_rows: int | None


async def measure_sizes(
    database: Database, url: str, dimensions: int, sizes: Sequence[int], rounds: int
) -> AsyncIterator[SizeTimes]:
    """Make a tenant of each size, smallest first, among others of the same size, and time the lanes on it in turn."""
    queries = synthetic_vectors(_QUERIES, dimensions, 0)
    seeds = iter(range(_SEED, 1_000_000))
    for size in sorted(sizes):
        for name in (f"bench-{size}", f"bench-{size}-beside"):
            tenant = await create_tenant(
                database, name, size, lambda count: synthetic_vectors(count, dimensions, next(seeds))
            )
        build_s = await _build_index(database, url, tenant)
        await vacuum(database)
        times = await interleaved(
            {lane: _searches(database, tenant, queries, lane) for lane in _LANES},
            rounds,
            warm_up=10,
            limit_s=10,
        )
        exact = times["exact"].results
        exact_times, bits_times, index_times = (_lane_times(times[lane], exact) for lane in _LANES)
        yield SizeTimes(size, exact_times, bits_times, index_times, build_s)


def suggest(measured: Sequence[SizeTimes]) -> Crossover:
    """The largest size at which the exact lane is the fastest, and the smallest from which the index clearly is."""
    exact = _crossing(measured, lambda times: times.exact.p50_ms / times.bits.p50_ms)
    index = _crossing(measured, lambda times: _CLEARLY * times.bits.p50_ms / times.index.p50_ms)
    return Crossover(exact, None if index is None else max(index, measured[0].size))


def _crossing(measured: Sequence[SizeTimes], ratio: Callable[[SizeTimes], float]) -> int | None:
    """The size above which the ratio stays above 1, interpolated linearly on logarithmic axes between two measured
    sizes; 0 if it is above 1 at all of them, None if not even at the largest."""
    above = [ratio(times) > 1 for times in measured]
    if not above[-1]:
        return None
    first = len(above) - next((i for i, is_above in enumerate(reversed(above)) if not is_above), len(above))
    if first == 0:
        return 0
    low, high = measured[first - 1], measured[first]
    share = -np.log(ratio(low)) / np.log(ratio(high) / ratio(low))
    return int(np.exp(np.log(low.size) + share * np.log(high.size / low.size)))


async def vacuum(database: Database) -> None:
    """Vacuum and analyze the tables that a search reads."""
    async with database.pool.connection() as connection:
        await connection.execute(database.statements["calibration/vacuum"].text)


async def _build_index(database: Database, url: str, tenant: MadeUpTenant) -> float:
    started = time.perf_counter()
    builder = await IndexBuilder.open(url, database.statements)
    try:
        for step in await planned_steps(database, tenant.size, max_count=10_000):
            if step.user_id == tenant.user_id:
                await builder.apply(step)
    finally:
        await builder.close()
    return time.perf_counter() - started


def _searches(database: Database, tenant: MadeUpTenant, queries: Any, lane: Lane) -> Callable[[int], Any]:
    size = TenantSize(tenant.size, has_index=lane == "index")

    async def search(number: int) -> list[UUID]:
        wanted = Search(
            tenant.user_id, queries[number % len(queries)], LIMIT, "cosine", None, Filters(), is_exact=lane == "exact"
        )
        found = await run_search(database, wanted, size, 0)
        return [row.chunk_id for row in found.rows]

    return search


def _lane_times(times: Times, exact: Sequence[Sequence[UUID]]) -> LaneTimes:
    shares = [len({*one} & {*other}) / len(other) for one, other in zip(times.results, exact, strict=False)]
    return LaneTimes(times.p50, times.p95, float(np.mean(shares)))
