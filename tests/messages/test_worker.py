"""Embedding messages, with failures of the endpoint, lost leases and unusual text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from svc.errors import LeaseLostError
from svc.messages.queue import MessageJob, MessageQueue, Piece
from tests.conftest import PATIENCE_S, running_service, test_settings
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.ingest.conftest import DIMENSIONS
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, new_tenant, rows_left, rows_of


@asynccontextmanager
async def service_with(endpoint: EmbeddingEndpoint, url: str, **changes: object) -> AsyncIterator[Tenant]:
    """A tenant of a service that embeds through the endpoint without a cache in memory."""
    values: dict[str, object] = {
        "openai_base_url": endpoint.base_url, "embedding_model": "test-model", "embedding_dimensions": DIMENSIONS,
        "embedding_cache_mb": 0, "embedding_max_retries": 0, "embedding_timeout_s": 2.0, "worker_retry_s": 0.05,
        "worker_max_attempts": 3,
    }  # fmt: skip
    async with running_service(test_settings(**{**values, **changes}), url) as service:
        yield await new_tenant(service)


@pytest_asyncio.fixture
async def remote(endpoint: EmbeddingEndpoint, database_url: str, model_of_test: None) -> AsyncIterator[Tenant]:
    """Such a tenant."""
    async with service_with(endpoint, database_url) as tenant:
        yield tenant


@pytest_asyncio.fixture
async def idle(database_url: str) -> AsyncIterator[Tenant]:
    """A tenant of a service without a worker, since the test simulates the workers."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        yield await new_tenant(service)


async def say(tenant: Tenant, conversation_id: str, *contents: str) -> None:
    """Append messages without waiting for their vectors."""
    body = [{"role": "user", "content": content} for content in contents]
    ok(await tenant.post(f"/conversations/{conversation_id}/messages", json=body), 201)


async def fetch(tenant: Tenant, query: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(tenant.service.url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def places(tenant: Tenant, conversation_id: str) -> list[tuple[int, int]]:
    """Position and piece of every vector of a conversation."""
    query = "select position, piece from message_vectors where conversation_id = $1 order by 1, 2"
    return [(position, piece) for position, piece in await fetch(tenant, query, UUID(conversation_id))]


async def test_every_message_gets_a_vector_in_the_background(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    conversation_id = (await remote.conversation())["id"]
    endpoint.delay_s = 1.0
    await say(remote, conversation_id, *(f"message {number}" for number in range(300)))
    assert len(await places(remote, conversation_id)) < 300, "an append does not wait for the endpoint"
    await remote.embedded(conversation_id)
    assert await places(remote, conversation_id) == [(position, 0) for position in range(1, 301)]
    assert sum(call.texts for call in endpoint.calls) == 300
    await say(remote, conversation_id, "one more")
    await remote.embedded(conversation_id)
    assert (await places(remote, conversation_id))[-1] == (301, 0)
    assert sum(call.texts for call in endpoint.calls) == 301, "a message with a vector is not embedded again"
    metrics = (await remote.get("/metrics")).text
    assert 'cabinet_message_queue{state="queued"} 0.0' in metrics


async def test_no_connection_is_held_while_messages_are_embedded(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 1.8
    conversation_id = (await remote.conversation())["id"]
    await say(remote, conversation_id, "message")
    pool = remote.service.services.database.pool
    async with asyncio.timeout(PATIENCE_S):
        # A sweep may use a connection for a moment.
        while not (endpoint.calls and pool.busy_count == 0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert endpoint.calls[-1].ended_s is None, "it is free during the call, not only after it"


async def test_an_endpoint_that_fails_is_asked_again_until_it_recovers(
    endpoint: EmbeddingEndpoint, database_url: str, model_of_test: None
) -> None:
    """There are more attempts than for a document, since nobody would see that a message has no vector."""
    endpoint.next("500")
    endpoint.next("garbage")
    async with service_with(endpoint, database_url, worker_max_attempts=1) as tenant:
        conversation_id = (await tenant.conversation())["id"]
        await say(tenant, conversation_id, "message")
        await tenant.embedded(conversation_id)
        assert await places(tenant, conversation_id) == [(1, 0)]
    assert [call.behaviour for call in endpoint.calls] == ["500", "garbage", "well"]


async def test_a_refused_text_does_not_delay_others(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    """The batch of four is refused, then each text is sent separately, and only the second is refused."""
    for behaviour in ("400", "well", "400"):
        endpoint.next(behaviour)
    conversation_id = (await remote.conversation())["id"]
    await say(remote, conversation_id, "one", "two", "three", "four")
    await remote.embedded(conversation_id)
    assert await places(remote, conversation_id) == [(1, 0), (3, 0), (4, 0)]
    assert [call.texts for call in endpoint.calls] == [4, 1, 1, 1, 1]


async def test_attempts_end_if_the_endpoint_refuses_everything(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    endpoint.always("401")
    conversation_id = (await remote.conversation())["id"]
    await say(remote, conversation_id, *(f"message {number}" for number in range(20)))
    await remote.embedded(conversation_id)
    assert await places(remote, conversation_id) == []
    assert len(endpoint.calls) == 3 * (1 + 5)
    endpoint.well()
    await say(remote, conversation_id, "one more")
    await remote.embedded(conversation_id)
    assert len(await places(remote, conversation_id)) == 21, "the next message causes all to be embedded"


async def test_blank_messages_are_skipped(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    conversation_id = (await remote.conversation())["id"]
    await say(remote, conversation_id, " ", "word", "\n\t", "\u2003")
    await remote.embedded(conversation_id)
    assert await places(remote, conversation_id) == [(2, 0)]
    assert [call.texts for call in endpoint.calls] == [1]


async def test_a_long_message_is_embedded_in_pieces(remote: Tenant) -> None:
    """The text of any piece finds the message once."""
    conversation_id = (await remote.conversation())["id"]
    filler = " ".join(f"Sentence {number} speaks of subject {number * 7}." for number in range(60))
    await say(remote, conversation_id, "short", f"{filler} The pelican flew over the quarry. {filler}", "short too")
    await remote.embedded(conversation_id)
    found = await places(remote, conversation_id)
    pieces = [piece for position, piece in found if position == 2]
    assert pieces == list(range(len(pieces)))
    assert len(pieces) > 10
    assert [position for position, _ in found if position != 2] == [1, 3]
    body = {"query": "The pelican flew over the quarry.", "limit": 10}
    results = ok(await remote.post(f"/conversations/{conversation_id}/search", json=body))["results"]
    assert results[0]["position"] == 2
    assert sorted(result["position"] for result in results) == [1, 2, 3]


@pytest.mark.parametrize("place", [0, 1], ids=["earlier", "last"])
@pytest.mark.parametrize("what", ["edited", "deleted"])
async def test_a_message_that_is_edited_while_it_is_embedded_leaves_no_vector_of_its_old_text(
    remote: Tenant, endpoint: EmbeddingEndpoint, what: str, place: int
) -> None:
    """If it is edited or deleted, the worker that has read the old text loses its lease."""
    conversation_id = (await remote.conversation())["id"]
    path = f"/conversations/{conversation_id}/messages"
    endpoint.delay_s = 1.0
    body = [{"role": "user", "content": content} for content in ("first text", "second text")]
    messages = ok(await remote.post(path, json=body), 201)["data"]
    await asyncio.sleep(0.3)
    assert len(endpoint.calls) == 1
    if what == "edited":
        ok(await remote.patch(f"{path}/{messages[place]['id']}", json={"content": "another text"}))
    else:
        done(await remote.delete(f"{path}/{messages[place]['id']}"))
    endpoint.delay_s = 0.0
    await remote.embedded(conversation_id)
    kept = [(1, 0), (2, 0)] if what == "edited" else [(2 - place, 0)]
    assert await places(remote, conversation_id) == kept
    assert [call.texts for call in endpoint.calls] == [2, len(kept)]
    for query in [content["content"] for content in body] + ["another text"]:
        (found,) = ok(await remote.post(f"/conversations/{conversation_id}/search", json={"query": query, "limit": 1}))[
            "results"
        ]
        is_there = query == "another text" if what == "edited" else False
        is_there = is_there or query == body[1 - place]["content"]
        assert (found["distance"] < 0.001) == is_there, query


async def test_an_edited_message_alone_is_embedded_again(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    conversation_id = (await remote.conversation())["id"]
    path = f"/conversations/{conversation_id}/messages"
    await say(remote, conversation_id, *(f"message {number}" for number in range(300)))
    await remote.embedded(conversation_id)
    before = len(endpoint.calls)
    second = ok(await remote.get(f"{path}?limit=2"))["data"][1]
    ok(await remote.patch(f"{path}/{second['id']}", json={"content": "another text"}))
    await remote.embedded(conversation_id)
    assert sum(call.texts for call in endpoint.calls[before:]) == 1
    assert await places(remote, conversation_id) == [(position, 0) for position in range(1, 301)]


async def test_it_can_be_turned_off(endpoint: EmbeddingEndpoint, database_url: str, model_of_test: None) -> None:
    async with service_with(endpoint, database_url, embed_messages=False) as tenant:
        conversation_id = (await tenant.conversation())["id"]
        await say(tenant, conversation_id, "message")
        assert "message_jobs" not in await rows_of(tenant.service, tenant.id)
        for path in ("/conversations/search", f"/conversations/{conversation_id}/search"):
            detail = problem(await tenant.post(path, json={"query": "message"}), 409)["detail"]
            assert "CABINET_EMBED_MESSAGES" in detail
        await asyncio.sleep(0.2)
        assert endpoint.calls == []
    async with service_with(endpoint, database_url) as other:
        again = Tenant(other.service, tenant.id, tenant.key)
        await say(again, conversation_id, "another")
        await again.embedded(conversation_id)
        assert await places(again, conversation_id) == [(1, 0), (2, 0)], "older messages are also embedded"


async def test_messages_appended_by_other_servers_are_found(database_url: str, idle: Tenant) -> None:
    """A process without notifications finds them at its next poll."""
    conversation_id = (await idle.conversation())["id"]
    async with running_service(test_settings(worker_poll_s=0.1), database_url):
        await asyncio.sleep(0.3)
        await say(idle, conversation_id, "message")
        await idle.embedded(conversation_id)
    assert await places(idle, conversation_id) == [(1, 0)]


async def test_a_deleted_conversation_leaves_nothing_behind(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    kept = await remote.conversation()
    before = await rows_left(remote.service, remote.id)
    gone = await remote.conversation()
    await say(remote, gone["id"], "message")
    await remote.embedded(gone["id"])
    assert (await rows_of(remote.service, remote.id))["message_vectors"] == 1
    done(await remote.delete(f"/conversations/{gone['id']}"))
    assert await rows_left(remote.service, remote.id) == before

    endpoint.delay_s = 0.5
    late = await remote.conversation()
    await say(remote, late["id"], "message")
    await asyncio.sleep(0.2)
    done(await remote.delete(f"/conversations/{late['id']}"))
    await say(remote, kept["id"], "message")
    await remote.embedded(kept["id"])
    assert len(await fetch(remote, "select from message_vectors")) == 1, "the late vector found its conversation gone"
    ok(await remote.delete(f"/users/{remote.id}"))
    assert await rows_of(remote.service, remote.id) == {}


# --- the queue, step by step


def vectors_of(pieces: Sequence[Piece]) -> Any:
    return np.eye(len(pieces), DIMENSIONS, dtype=np.float16)


async def claimed(queue: MessageQueue) -> MessageJob:
    job = await queue.claim()
    assert job is not None
    return job


async def begun(queue: MessageQueue, job: MessageJob) -> int:
    """The last position with a vector."""
    start = await queue.start(job)
    assert start is not None
    return start.position


async def store_all(queue: MessageQueue, job: MessageJob, after: int) -> int:
    """Store a vector for each waiting message; returns the last position."""
    pieces = [Piece(message, 0, message.content, 1) for message in await queue.pending(job, after)]
    await queue.store(job, pieces, vectors_of(pieces))
    return pieces[-1].message.position


async def test_a_message_appended_meanwhile_is_embedded(idle: Tenant) -> None:
    conversation_id = (await idle.conversation())["id"]
    queue = MessageQueue(idle.service.services.database, "worker", 60)
    await say(idle, conversation_id, "one", "two")
    job = await claimed(queue)
    assert await queue.claim() is None
    assert await begun(queue, job) == 0
    position = await store_all(queue, job, 0)
    await say(idle, conversation_id, "three")
    assert await queue.finish(job, position) is False
    again = await claimed(queue)
    assert (again.tries, again.interruptions) == (0, 1)
    assert await begun(queue, again) == 2
    assert await queue.finish(again, await store_all(queue, again, 2)) is True
    assert await queue.claim() is None
    assert await places(idle, conversation_id) == [(1, 0), (2, 0), (3, 0)]


async def test_no_message_is_missed_between_the_last_read_and_the_end_of_a_job(idle: Tenant) -> None:
    """Messages arrive as fast as jobs end: whenever no job is left, every message has its vector."""
    conversation_id = (await idle.conversation())["id"]
    queue = MessageQueue(idle.service.services.database, "worker", 60)

    async def write() -> None:
        for number in range(60):
            await say(idle, conversation_id, f"message {number}")

    async def work() -> None:
        while not writing.done() or await queue.next_due_s() is not None:
            if (job := await queue.claim()) is None:
                await asyncio.sleep(0)
                continue
            position = await begun(queue, job)
            while await queue.pending(job, position):
                position = await store_all(queue, job, position)
            await queue.finish(job, position)

    writing = asyncio.create_task(write())
    await asyncio.gather(writing, work(), work())
    assert await places(idle, conversation_id) == [(position, 0) for position in range(1, 61)]


async def test_a_worker_that_lost_its_lease_changes_nothing(idle: Tenant) -> None:
    conversation_id = (await idle.conversation())["id"]
    await say(idle, conversation_id, "one", "two")
    first, second = (MessageQueue(idle.service.services.database, name, 0.1) for name in ("first", "second"))
    early = await claimed(first)
    pieces = [Piece(message, 0, message.content, 1) for message in await first.pending(early, 0)]
    await asyncio.sleep(0.15)
    late = await claimed(second)
    assert (late.tries, late.interruptions) == (0, 2)
    for attempt in (first.store(early, pieces, vectors_of(pieces)), first.renew(early)):
        with pytest.raises(LeaseLostError):
            await attempt
    await first.postpone(early, 100)
    await first.release(early)
    await first.drop(early)
    assert await first.finish(early, 2) is False
    assert await places(idle, conversation_id) == []
    assert await second.finish(late, await store_all(second, late, 0)) is True
    with pytest.raises(LeaseLostError):
        await first.store(early, pieces, vectors_of(pieces))
    assert await places(idle, conversation_id) == [(1, 0), (2, 0)]


async def test_the_size_of_a_batch_is_limited(idle: Tenant) -> None:
    conversation_id = (await idle.conversation())["id"]
    await say(idle, conversation_id, "ö" * 300_000, "ä" * 400_000, "x" * 900_000, *(["short"] * 300))
    queue = MessageQueue(idle.service.services.database, "worker", 60)
    job = await claimed(queue)
    batches, position = [], 0
    while messages := await queue.pending(job, position):
        batches.append(len(messages))
        position = messages[-1].position
    # A batch grows while it is below 1 MiB: 0.6 + 0.8 MB, then 0.9 MB and the next messages that fit.
    assert batches == [2, 256, 45]


async def test_a_stopped_worker_releases_its_job_at_once(remote: Tenant, endpoint: EmbeddingEndpoint) -> None:
    endpoint.always("hang")
    conversation_id = (await remote.conversation())["id"]
    await say(remote, conversation_id, "message")
    async with asyncio.timeout(PATIENCE_S):
        while not endpoint.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    worker = remote.service.services.worker
    assert worker is not None
    await worker.stop()
    job = await MessageQueue(remote.service.services.database, "next", 5).claim()
    assert job is not None
    assert (job.tries, job.interruptions) == (0, 1)
