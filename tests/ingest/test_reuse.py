"""Text that a tenant has already stored is not embedded again, even after a restart or by another worker."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from svc.database.queries import Database
from svc.database.statements import load_statements
from svc.ingest.chunk import content_hash
from svc.resources import resource_folder
from tests.conftest import Service, running_service, test_settings
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.ingest.conftest import DIMENSIONS

PARAGRAPHS = [" ".join(f"paragraph{number}word{word}" for word in range(12)) for number in range(40)]
ROWS = """
    select c.chunk_index, c.content, c.content_hash, v.embedding::text, v.signature::text
    from chunks as c inner join chunk_vectors as v on v.user_id = c.user_id and v.chunk_id = c.id
    where c.document_id = $1 order by c.chunk_index"""

pytestmark = pytest.mark.usefixtures("model_of_test")


@asynccontextmanager
async def service_with(endpoint: EmbeddingEndpoint, url: str, **changes: object) -> AsyncIterator[Service]:
    """A service that embeds through the endpoint, without a cache in memory by default."""
    values = {"embedding_cache_mb": 0, "embedding_batch_size": 16, **changes}
    settings = test_settings(
        openai_base_url=endpoint.base_url, embedding_model="test-model", embedding_dimensions=DIMENSIONS, **values
    )
    async with running_service(settings, url) as service:
        yield service


async def stored(url: str, document_id: str) -> list[tuple[Any, ...]]:
    """The stored chunks of a document with their vectors, in order."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(ROWS, UUID(document_id))]
    finally:
        await connection.close()


def texts_sent(endpoint: EmbeddingEndpoint) -> int:
    """The number of texts that the endpoint has received since the last call."""
    count = sum(call.texts for call in endpoint.calls)
    endpoint.calls.clear()
    return count


async def test_the_same_file_after_a_restart_needs_no_call_and_is_stored_equally(
    endpoint: EmbeddingEndpoint, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    # More chunks than in one lookup.
    text = "\n\n".join(f"Paragraph number {number} of a text in short paragraphs." for number in range(1100))
    settings = {"chunk_tokens": 16, "chunk_overlap_tokens": 0}
    async with service_with(endpoint, database_url, **settings) as service:
        _, key = await service.user("ada@example.com")
        first = await service.ready_document(key, "a.txt", text)
        assert texts_sent(endpoint) == first["chunk_count"] > 1000
    with caplog.at_level(logging.INFO, "svc.ingest"):
        async with service_with(endpoint, database_url, **settings) as service:
            again = await service.ready_document(key, "b.txt", text)
            reused = (await service.call("GET", "/metrics")).text
    assert texts_sent(endpoint) == 0
    count = first["chunk_count"]
    assert f"reused the stored vectors of {count} of {count} chunks" in caplog.text
    assert "cabinet_reused_vectors_total" in reused
    rows = await stored(database_url, first["id"])
    assert rows == await stored(database_url, again["id"])
    assert [row[2] for row in rows] == [content_hash(row[1]) for row in rows]


async def test_only_the_changed_chunks_of_a_document_are_embedded(
    endpoint: EmbeddingEndpoint, database_url: str
) -> None:
    async with service_with(endpoint, database_url) as service:
        _, key = await service.user("ada@example.com")
        before = await service.ready_document(key, "a.txt", "\n\n".join(PARAGRAPHS))
        assert texts_sent(endpoint) == before["chunk_count"]
        changed = [*PARAGRAPHS[:20], "Something new stands here.", *PARAGRAPHS[21:]]
        after = await service.ready_document(key, "b.txt", "\n\n".join(changed))
        sent = texts_sent(endpoint)
        old = {row[1]: row[3] for row in await stored(database_url, before["id"])}
        rows = await stored(database_url, after["id"])
        assert sent == len([row for row in rows if row[1] not in old]) < len(rows) / 4
        assert all(row[3] == old[row[1]] for row in rows if row[1] in old)
        new = next(row[1] for row in rows if "Something new" in row[1])
        answer = await service.call("POST", "/search", key, json={"query": new, "limit": 1})
        assert answer.json()["results"][0]["content"] == new
        assert answer.json()["results"][0]["similarity"] == pytest.approx(1, abs=1e-3)


async def test_stored_vectors_of_another_tenant_are_not_used(endpoint: EmbeddingEndpoint, database_url: str) -> None:
    async with service_with(endpoint, database_url) as service:
        _, ada = await service.user("ada@example.com")
        _, ben = await service.user("ben@example.com")
        count = (await service.ready_document(ada, "a.txt", "\n\n".join(PARAGRAPHS)))["chunk_count"]
        assert texts_sent(endpoint) == count
        await service.ready_document(ben, "a.txt", "\n\n".join(PARAGRAPHS))
        assert texts_sent(endpoint) == count


async def test_it_can_be_turned_off(endpoint: EmbeddingEndpoint, database_url: str) -> None:
    async with service_with(endpoint, database_url, reuse_embeddings=False) as service:
        _, key = await service.user("ada@example.com")
        for _ in range(2):
            document = await service.ready_document(key, "a.txt", "\n\n".join(PARAGRAPHS))
            assert texts_sent(endpoint) == document["chunk_count"]


async def test_vectors_are_deleted_with_their_document(endpoint: EmbeddingEndpoint, database_url: str) -> None:
    async with service_with(endpoint, database_url) as service:
        _, key = await service.user("ada@example.com")
        for _ in range(2):
            document = await service.ready_document(key, "a.txt", "\n\n".join(PARAGRAPHS))
            assert texts_sent(endpoint) == document["chunk_count"]
            assert (await service.call("DELETE", f"/documents/{document['id']}", key)).status_code == 204


async def test_a_second_attempt_embeds_only_the_chunks_missing_from_the_first(
    endpoint: EmbeddingEndpoint, database_url: str
) -> None:
    """A failed attempt stores nothing: the vectors come from the process's cache."""
    settings = {"embedding_cache_mb": 1, "embedding_concurrency": 1, "embedding_max_retries": 0}
    endpoint.next("well")
    endpoint.next("503")
    async with service_with(endpoint, database_url, **settings) as service:
        _, key = await service.user("ada@example.com")
        document = await service.ready_document(key, "a.txt", "\n\n".join(PARAGRAPHS))
    assert document["attempt"] == 2
    assert document["chunk_count"] > 32
    assert texts_sent(endpoint) == document["chunk_count"] + 16, "only the failed batch was sent twice"


async def test_a_lookup_reads_one_chunk_per_text_through_the_indexes(database: Database, database_url: str) -> None:
    """The tenant has 20,000 chunks, and other tenants have the same number, half of which have the same text."""
    connection = await asyncpg.connect(database_url)
    try:
        users = [
            await connection.fetchval(
                "insert into users (email, plan) values ($1, 'free') returning id", f"{name}@example.com"
            )
            for name in ("ada", "ben")
        ]
        for user_id in users:
            await connection.execute(FILL, user_id)
        await connection.execute("vacuum analyze chunks, chunk_vectors")
        hashes = await connection.fetchval(
            "select array_agg(distinct content_hash) from chunks where user_id = $1 and chunk_index < 10200", users[0]
        )
        assert len(hashes) == 200
        text = load_statements(resource_folder("sql"))["ingest/known_vectors"].text
        await connection.execute("set plan_cache_mode = force_custom_plan")
        plan = "\n".join(
            row[0]
            for row in await connection.fetch(
                f"explain (analyze, costs off, timing off) {inlined(text, users[0], hashes)}"
            )
        )
    finally:
        await connection.close()
    for index in ("chunks_content_hash_idx", "chunk_vectors_pkey"):
        assert index in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan.partition("SubPlan")[2].partition("Function Scan")[0], plan
    rows = await database.many("ingest/known_vectors", user_id=users[0], hashes=[*hashes, UUID(int=0)], max_rows=201)
    assert [row.content_hash for row in rows] == sorted(hashes)


def inlined(text: str, user_id: UUID, hashes: list[UUID]) -> str:
    """The statement with its arguments inlined, since EXPLAIN takes none."""
    array = ",".join(f'"{one}"' for one in hashes)
    return (
        text.replace("$1::", f"'{user_id}'::").replace("$2::", f"'{{{array}}}'::").replace("$3::", f"{len(hashes)}::")
    )


FILL = """
with document as (
    insert into documents (user_id, filename, file_type, file_size, content_hash, status)
    values ($1, 'a.txt', 'text', 1, $1, 'ready') returning user_id, id
),
stored as (
    insert into document_contents (user_id, document_id, content) select d.user_id, d.id, 'x' from document as d
),
filled as (
    insert into chunks (user_id, document_id, chunk_index, content, content_hash, token_count)
    select d.user_id, d.id, n, 'x', md5(greatest(n, 10000)::text)::uuid, 1
    from document as d cross join generate_series(1, 20000) as n
    returning user_id, id, document_id
)
insert into chunk_vectors (user_id, chunk_id, document_id, embedding, signature)
select user_id, id, document_id, array_fill(1, array[256])::halfvec(256), repeat('1', 1536)::bit(1536) from filled"""
