"""Measures recall: the share of an exact search's results that the other lanes find.

The queries are stored vectors plus noise, which simulates the distance between a question and the chunk that answers
it. Each is searched exactly and in the tenant's lane, with the statements and settings of the service.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from svc.doctor.checks import Check, Finding, Severity, Subject, Verdict, plural
from svc.search.filters import Filters
from svc.search.lanes import Search, TenantSize, run_search
from svc.search.messages import MessageScope, MessageSearch, search_messages

_TENANTS = 3
_QUERIES = 5
_RESULTS = 10
# The length of the noise, relative to the vector: the query stays only slightly nearer to its own chunk than to others.
_NOISE = 0.5
# The rounding difference between the distances that two lanes compute in half precision.
_EPSILON = 1e-5

Vector = NDArray[np.float32]
Find = Callable[[Vector], Awaitable[list[float]]]
"""Searches, and returns the distances of the results, nearest first."""

_NO_FILTER = Filters()
# All chunks pass this filter, but it makes the search a filtered one.
_ANY_TIME = Filters(uploaded_after=datetime(2000, 1, 1, tzinfo=UTC))


async def recall_bits(subject: Subject) -> Verdict:
    """Measures the bits lane for tenants that are too large for an exact search and have no own index."""
    return await _recall_of_chunks(subject, "bits", has_index=False, filters=_NO_FILTER)


async def recall_index(subject: Subject) -> Verdict:
    """Measures the index lane for tenants with an own index."""
    return await _recall_of_chunks(subject, "index", has_index=True, filters=_NO_FILTER)


async def recall_index_filtered(subject: Subject) -> Verdict:
    """Measures the index lane with a filter that all chunks pass, for tenants with an own index."""
    return await _recall_of_chunks(subject, "index with a filter", has_index=True, filters=_ANY_TIME)


async def recall_messages(subject: Subject) -> Verdict:
    """Measures the bits lane of messages for tenants with too many vectors for an exact search."""
    exact_rows = subject.settings.exact_rows
    drawn = await subject.database.many(
        "doctor/sample_tenants", seed=secrets.token_hex(8), most_vectors=subject.limits.counted_vectors, max_rows=1000
    )
    large = await subject.database.many(
        "doctor/message_tenants",
        user_ids=[row.user_id for row in drawn],
        min_vectors=exact_rows + 1,
        max_rows=_TENANTS,
    )
    shares = []
    for tenant in large:
        user_id = tenant.user_id
        rows = await subject.searching.many("doctor/sample_message_vectors", user_id=user_id, max_rows=_QUERIES)

        def find(is_exact: bool, user_id: UUID = user_id) -> Find:
            async def search(query: Vector) -> list[float]:
                wanted = MessageSearch(MessageScope(user_id, None, _RESULTS), query, is_exact=is_exact)
                found = await search_messages(subject.searching, wanted, exact_rows)
                return [row.distance for row in found.rows]

            return search

        shares += await _shares(_queries([row.embedding for row in rows]), find(True), find(False))
    return _verdict(subject, "bits lane of messages", len(large), shares)


async def _recall_of_chunks(subject: Subject, lane: str, *, has_index: bool, filters: Filters) -> Verdict:
    exact_rows = subject.settings.exact_rows
    tenants = await subject.database.many(
        "doctor/sample_lane",
        min_vectors=exact_rows + 1,
        max_vectors=subject.limits.exact_vectors,
        has_index=has_index,
        seed=secrets.token_hex(8),
        max_rows=_TENANTS,
    )
    shares = []
    for tenant in tenants:
        user_id, size = tenant.user_id, TenantSize(tenant.chunk_count, has_index)

        def find(is_exact: bool, user_id: UUID = user_id, size: TenantSize = size) -> Find:
            async def search(query: Vector) -> list[float]:
                wanted = Search(user_id, query, _RESULTS, "cosine", None, filters, is_exact)
                found = await run_search(subject.searching, wanted, size, exact_rows)
                return [row.distance for row in found.rows]

            return search

        shares += await _shares(await _samples(subject, user_id), find(True), find(False))
    return _verdict(subject, f"{lane} lane", len(tenants), shares)


async def _samples(subject: Subject, user_id: UUID) -> list[Vector]:
    """Returns queries made from a random sample of a tenant's vectors."""
    place = await subject.searching.one("doctor/vector_range", user_id=user_id)
    assert place is not None
    if place.first_id is None or place.last_id is None:
        return []
    first, last = place.first_id.int, place.last_id.int
    from_ids = [UUID(int=first + secrets.randbelow(last - first + 1)) for _ in range(_QUERIES)]
    rows = await subject.searching.many("doctor/sample_vectors", user_id=user_id, from_ids=from_ids, max_rows=_QUERIES)
    return _queries([row.embedding for row in rows])


def _queries(vectors: Sequence[HalfVector]) -> list[Vector]:
    random = np.random.default_rng()
    queries = []
    for stored in vectors:
        vector = stored.to_numpy().astype(np.float32)
        noise = random.standard_normal(len(vector), dtype=np.float32)
        vector = vector / np.linalg.norm(vector) + _NOISE * noise / np.linalg.norm(noise)
        queries.append((vector / np.linalg.norm(vector)).astype(np.float32))
    return queries


async def _shares(queries: list[Vector], exactly: Find, by_lane: Find) -> list[float]:
    """Returns the recall of each query. Results as near as the last of the exact ones count as found."""
    shares = []
    for query in queries:
        nearest = await exactly(query)
        if nearest:
            bound = nearest[-1] + _EPSILON
            found = sum(distance <= bound for distance in await by_lane(query))
            shares.append(min(found, len(nearest)) / len(nearest))
    return shares


def _verdict(subject: Subject, lane: str, tenants: int, shares: list[float]) -> Verdict:
    if not shares:
        return Verdict("no tenant is large enough")
    recall, limits = float(np.mean(shares)), subject.limits
    seen = f"recall@{_RESULTS} {recall:.3f}, {len(shares)} queries of {plural(tenants, 'tenant')}"
    if recall >= limits.recall_warning:
        return Verdict(seen)
    severity: Severity = "warning" if recall >= limits.recall_fault else "fault"
    fix = (
        "cabinet doctor --only indexes --only counts --only settings",
        "cabinet bench, which measures the lanes on this machine; CABINET_EXACT_MAX_ROWS limits exact searches",
    )
    problem = f"the {lane} finds {recall:.1%} of the {_RESULTS} nearest"
    return Verdict(seen, [Finding(severity, problem, "searches silently miss results", fix)])


CHECKS = (
    Check("recall-bits", "recall", "recall of the bits lane", recall_bits),
    Check("recall-index", "recall", "recall of the index lane", recall_index),
    Check("recall-index-filtered", "recall", "recall of the index lane with a filter", recall_index_filtered),
    Check("recall-messages", "recall", "recall of the bits lane of messages", recall_messages),
)
