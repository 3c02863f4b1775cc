"""The checks of recall and of the indexes of large tenants, with and without planted faults."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from svc.database.queries import Database
from svc.doctor.checks import Thresholds
from svc.doctor.examination import chosen_checks, examine, opened_subject
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from svc.search.index_plan import planned_steps
from svc.search.own_indexes import IndexBuilder
from svc.vectors.signatures import signatures
from tests.conftest import test_settings
from tests.database.conftest import make_document, make_user
from tests.doctor.conftest import Examination, Fired

COUNT = 300
# With these settings, a small tenant is searched by signatures, and may have an own index.
LARGE = {"exact_max_rows": COUNT // 2, "index_min_rows": COUNT}


# These tests fill tables directly, without totals and samples of terms.
NOT_LOOKED_AT = {"conversation-totals", "term-samples"}


@pytest.fixture
def fired(fired: Fired) -> Fired:
    async def look(limits: Thresholds | None = None, **settings: Any) -> Examination:
        found = await fired(limits, **settings)
        return {name: findings for name, findings in found.items() if name not in NOT_LOOKED_AT}

    return look


@pytest.fixture
async def large_tenant(database: Database) -> UUID:
    """A user with `COUNT` chunks and their vectors."""
    user = await make_user(database)
    await make_document(database, user)
    queue = Queue(database, "test", 60)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    await queue.store(job, [TextChunk(f"chunk {number}", 2, {}) for number in range(COUNT)], random_vectors())
    return user


def random_vectors() -> NDArray[np.float16]:
    return np.random.default_rng(7).standard_normal((COUNT, 256)).astype(np.float16)


async def seen(url: str, name: str) -> str:
    """The observation that a check reports."""
    async with opened_subject(test_settings(**LARGE), url) as subject:
        (outcome,) = [one async for one in examine(subject, chosen_checks([name]))]
    return outcome.verdict.seen


async def build_index(database: Database, url: str) -> None:
    builder = await IndexBuilder.open(url, database.statements)
    try:
        for step in await planned_steps(database, LARGE["index_min_rows"]):
            await builder.apply(step)
    finally:
        await builder.close()


async def test_a_tenant_who_should_have_an_index_is_reported(
    fired: Fired, database: Database, large_tenant: UUID, database_url: str
) -> None:
    found = await fired(**LARGE)
    assert found.keys() == {"tenant-indexes"}
    assert found["tenant-indexes"][0].severity == "note"
    assert large_tenant.hex in found["tenant-indexes"][0].problem

    await build_index(database, database_url)
    assert await fired(**LARGE) == {}


async def test_lost_signatures_are_found_by_the_recall_of_the_bits_lane(
    fired: Fired, hand: Any, large_tenant: UUID, database_url: str
) -> None:
    assert "5 queries of 1 tenant" in await seen(database_url, "recall-bits")
    await hand.execute("update chunk_vectors set signature = ~signature where user_id = $1", large_tenant)

    found = await fired(**LARGE)

    assert found.keys() == {"tenant-indexes", "recall-bits"}
    assert found["recall-bits"][0].severity == "fault"


async def test_lost_signatures_are_found_by_the_recall_of_the_index_lane(
    fired: Fired, hand: Any, database: Database, large_tenant: UUID, database_url: str
) -> None:
    await build_index(database, database_url)
    assert "5 queries of 1 tenant" in await seen(database_url, "recall-index")
    assert "5 queries of 1 tenant" in await seen(database_url, "recall-index-filtered")
    assert await seen(database_url, "recall-bits") == "no tenant is large enough"
    await hand.execute("update chunk_vectors set signature = ~signature where user_id = $1", large_tenant)

    found = await fired(**LARGE)

    # With a filter, this small number of rows is compared exactly.
    assert found.keys() == {"recall-index"}


async def test_an_index_larger_than_memory_is_found(
    fired: Fired, hand: Any, database: Database, large_tenant: UUID, database_url: str
) -> None:
    await build_index(database, database_url)
    name = await hand.fetchval("select current_database()")
    await hand.execute(f"alter database {name} set effective_cache_size = '64kB'")

    found = await fired(**LARGE)

    assert found.keys() == {"index-memory", "memory-settings"}
    assert "shared_buffers" in found["index-memory"][0].fix[0]


async def test_an_index_whose_build_did_not_end_is_found(
    fired: Fired, hand: Any, database: Database, large_tenant: UUID, database_url: str
) -> None:
    await build_index(database, database_url)
    # The state after a killed build.
    await hand.execute(
        "update pg_index set indisvalid = false where indexrelid = $1::text::regclass",
        f"chunk_vectors_hnsw_{large_tenant.hex}",
    )

    found = await fired(**LARGE)
    assert found.keys() == {"invalid-index", "tenant-indexes"}
    assert found["invalid-index"][0].fix == ("cabinet index apply",)

    await build_index(database, database_url)
    assert await fired(**LARGE) == {}


async def test_lost_signatures_of_messages_are_found(
    fired: Fired, hand: Any, database: Database, database_url: str
) -> None:
    user = await make_user(database)
    talks = [await hand.fetchval("insert into conversations (user_id) values ($1) returning id", user) for _ in "abc"]
    vectors = random_vectors()
    bits = ["".join(f"{byte:08b}" for byte in signature) for signature in signatures(vectors.astype(np.float32))]
    await hand.execute(
        "insert into message_vectors "
        "(user_id, conversation_id, position, piece, role, created_at, embedding, signature) "
        "select $1, ($2::uuid[])[1 + n % 3], n, 0, 'user', now(), v.embedding::halfvec, v.signature::varbit::bit(1536) "
        "from unnest($3::text[], $4::text[]) with ordinality as v (embedding, signature, n)",
        user, talks, [str(vector.tolist()) for vector in vectors], bits,
    )  # fmt: skip
    await hand.execute(
        "insert into messages (user_id, conversation_id, position, role, content, token_count) "
        "select user_id, conversation_id, position, role, 'x', 1 from message_vectors"
    )
    await hand.execute(
        "update conversations as c set (message_count, deleted_message_count) = "
        "(select count(*), max(m.position) - count(*) from messages as m where m.conversation_id = c.id)"
    )
    assert await fired(**LARGE) == {}
    assert "3 queries of 1 tenant" in await seen(database_url, "recall-messages")
    await hand.execute("update message_vectors set signature = ~signature")

    assert (await fired(**LARGE)).keys() == {"recall-messages"}
