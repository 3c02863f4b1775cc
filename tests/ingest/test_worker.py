"""The outcome of ingestion, for failures of the embedding endpoint, lost leases and unusual text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from svc.database.queries import Database
from svc.errors import EmbeddingUnavailableError, LeaseLostError
from svc.ingest.chunk import TextChunk
from svc.ingest.job import Job
from svc.ingest.queue import Queue
from tests.conftest import PATIENCE_S, Service, running_service, test_settings
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.ingest.conftest import DIMENSIONS

TEXT = "\n\n".join(f"Paragraph {number} tells of cabinets, drawers and labels." * 3 for number in range(30))


@pytest_asyncio.fixture
async def remote(endpoint: EmbeddingEndpoint, database_url: str, model_of_test: None) -> AsyncIterator[Service]:
    """A service that embeds through the endpoint."""
    settings = test_settings(
        openai_base_url=endpoint.base_url,
        embedding_model="test-model",
        embedding_dimensions=DIMENSIONS,
        embedding_batch_size=16,
        embedding_max_retries=1,
        embedding_timeout_s=2.0,
        worker_retry_s=0.05,
        worker_max_attempts=3,
    )
    async with running_service(settings, database_url) as service:
        yield service


async def upload(service: Service, text: str = TEXT) -> tuple[str, str]:
    """Upload a text as a new user; the key and the document's id."""
    _, key = await service.user(f"{os.urandom(4).hex()}@example.com")
    response = await service.call("POST", "/documents", key, json={"filename": "a.txt", "content": text})
    return key, response.json()["id"]


@pytest.mark.parametrize("behaviour", ["429", "500", "garbage", "html", "wrong_count", "wrong_index", "disconnect"])
async def test_an_endpoint_that_recovers_leaves_the_document_ready(
    remote: Service, endpoint: EmbeddingEndpoint, behaviour: str
) -> None:
    """The provider makes two calls in an attempt: the first attempt fails, and the second attempt of the queue
    succeeds."""
    endpoint.next(behaviour, times=2)
    key, document_id = await upload(remote, "A short text.")
    document = await remote.ended(key, document_id)
    assert (document["status"], document["error"], document["attempt"]) == ("ready", None, 2)
    chunks = await remote.call("GET", f"/documents/{document_id}/chunks", key)
    assert document["chunk_count"] == len(chunks.json()["data"]) == 1


@pytest.mark.parametrize("behaviour", ["nan", "wrong_dimension"])
async def test_one_error_of_a_gateway_is_retried(remote: Service, endpoint: EmbeddingEndpoint, behaviour: str) -> None:
    endpoint.next(behaviour)
    key, document_id = await upload(remote, "A short text.")
    document = await remote.ended(key, document_id)
    assert (document["status"], document["attempt"], len(endpoint.calls)) == ("ready", 1, 2)


async def test_vectors_in_another_order_are_stored_with_the_right_chunks(
    remote: Service, endpoint: EmbeddingEndpoint
) -> None:
    endpoint.always("wrong_order")
    key, document_id = await upload(remote)
    assert (await remote.ended(key, document_id))["status"] == "ready"
    endpoint.well()
    chunks = (await remote.call("GET", f"/documents/{document_id}/chunks?limit=100", key)).json()["data"]
    for chunk in chunks[::7]:
        found = await remote.call("POST", "/search", key, json={"query": chunk["content"], "limit": 1})
        assert found.json()["results"][0]["similarity"] == pytest.approx(1, abs=1e-3)
        assert found.json()["results"][0]["content"] == chunk["content"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong_dimension", "CABINET_EMBEDDING_DIMENSIONS"),
        ("nan", "NaN"),
        ("infinity", "infinite"),
        ("huge", "70000, outside"),
        ("zero", "it is zero"),
        ("tiny", "zero in half precision"),
        ("401", "401"),
    ],
)
async def test_a_permanently_failing_endpoint_causes_an_error_with_a_reason(
    remote: Service, endpoint: EmbeddingEndpoint, behaviour: str, reason: str
) -> None:
    endpoint.always(behaviour)
    key, document_id = await upload(remote, "A short text.")
    document = await remote.ended(key, document_id)
    assert document["status"] == "error"
    assert reason in document["error"]
    assert document["chunk_count"] == 0
    endpoint.well()
    assert (await remote.call("POST", f"/documents/{document_id}/retry", key)).status_code == 202
    assert (await remote.ended(key, document_id))["status"] == "ready"


@pytest.mark.parametrize("behaviour", ["429", "500", "disconnect", "hang"])
async def test_an_outage_of_the_endpoint_uses_up_no_tries(
    endpoint: EmbeddingEndpoint, database_url: str, model_of_test: None, behaviour: str
) -> None:
    """After more failures than a document has attempts, it still waits, and is ready when the endpoint is back."""
    endpoint.always(behaviour)
    settings = test_settings(
        openai_base_url=endpoint.base_url, embedding_model="test-model", embedding_dimensions=DIMENSIONS,
        embedding_max_retries=0, embedding_timeout_s=0.2, worker_retry_s=0.05, worker_max_attempts=2,
    )  # fmt: skip
    async with running_service(settings, database_url) as service:
        key, document_id = await upload(service, "A short text.")
        conversation = (await service.call("POST", "/conversations", key, json={})).json()["id"]
        said = {"role": "user", "content": "How far away is the Moon?"}
        await service.call("POST", f"/conversations/{conversation}/messages", key, json=said)
        connection = await asyncpg.connect(database_url)
        try:
            for _ in range(3):
                calls = len(endpoint.calls)
                for table in ("ingestion_jobs", "message_jobs"):
                    await connection.execute(f"update {table} set due_at = now() where worker is null")
                service.services.note_messages()
                await until(lambda calls=calls: len(endpoint.calls) >= calls + 2)  # type: ignore[misc]
                await free(connection)
                for table in ("ingestion_jobs", "message_jobs"):
                    job = await connection.fetchrow(f"select tries, interruptions from {table}")
                    assert tuple(job) == (0, 0), table
            document = (await service.call("GET", f"/documents/{document_id}", key)).json()
            assert document["status"] == "processing"
            assert document["error"].startswith("will be retried: the ")
            endpoint.well()
            for table in ("ingestion_jobs", "message_jobs"):
                await connection.execute(f"update {table} set due_at = now()")
            service.services.note_messages()
            assert (await service.ended(key, document_id))["status"] == "ready"
            async with asyncio.timeout(PATIENCE_S):
                while await connection.fetchval("select count(*) from message_vectors") < 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()


async def free(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Wait until no worker has a job."""
    busy = (
        "select (select count(*) from ingestion_jobs where worker is not null)"
        " + (select count(*) from message_jobs where worker is not null)"
    )
    async with asyncio.timeout(PATIENCE_S):
        while await connection.fetchval(busy):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_document_that_fails_while_others_are_embedded_ends_in_an_error(
    remote: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint answers other calls, so the text may be the cause."""

    async def embed(_provider: object, _texts: list[str]) -> None:
        raise EmbeddingUnavailableError("the embedding endpoint answered 500", retry_after_s=0)

    monkeypatch.setattr(type(remote.services.provider), "embed", embed)
    key, document_id = await upload(remote, "A text.")
    document = await remote.ended(key, document_id)
    assert (document["status"], document["attempt"]) == ("error", 3)
    assert "gave up after 3 attempts: the embedding endpoint answered 500" in document["error"]


async def test_a_slow_endpoint_does_not_delay_other_requests(remote: Service, endpoint: EmbeddingEndpoint) -> None:
    """Five connections, ten documents, a slow endpoint: other requests are answered immediately, and connections stay
    free."""
    endpoint.delay_s = 1.0
    uploads = [await upload(remote, f"A text about drawer {number}.") for number in range(10)]
    loop = asyncio.get_running_loop()
    latencies = []
    for _ in range(10):
        started = loop.time()
        response = await remote.call("GET", "/me", uploads[0][0])
        latencies.append(loop.time() - started)
        assert response.status_code == 200
        assert remote.services.database.pool.busy_count <= 2, "no connection is held while the endpoint is slow"
        await asyncio.sleep(0.05)
    assert sorted(latencies)[8] < 0.25
    documents = [await remote.ended(*one) for one in uploads]
    assert {document["status"] for document in documents} == {"ready"}


@pytest.mark.parametrize("text", ["before\x00after", "a\u200b\ufeff\u202eb", "\U0001f5c4 " * 200])
async def test_odd_characters_are_ingested(service: Service, text: str) -> None:
    key, document_id = await upload(service, text)
    document = await service.ended(key, document_id)
    assert document["status"] == "ready", document
    raw = await service.call("GET", f"/documents/{document_id}/content", key)
    assert raw.content.decode() == text


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition is met, at most ten seconds."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the condition was never met")


async def two_claims(service_database: Database) -> tuple[Queue, Job, Queue, Job]:
    """One document, claimed by a worker whose lease expires, then by another worker."""
    first, second = (Queue(service_database, name, 0.2) for name in ("first", "second"))
    early = await first.claim()
    assert early is not None
    assert await second.claim() is None
    assert await first.start(early) is not None
    await asyncio.sleep(0.3)
    late = await second.claim()
    assert late is not None
    assert (late.document_id, late.attempt) == (early.document_id, early.attempt + 1)
    return first, early, second, late


@pytest_asyncio.fixture
async def idle(database_url: str) -> AsyncIterator[Service]:
    """A service without a worker, since the test simulates the workers."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        yield service


CHUNKS = [TextChunk(content=f"chunk {number}", token_count=2, metadata={}) for number in range(3)]
VECTORS = np.eye(3, DIMENSIONS, dtype=np.float16)


async def test_a_worker_that_lost_its_lease_changes_nothing(idle: Service) -> None:
    key, document_id = await upload(idle)
    first, early, second, late = await two_claims(idle.services.database)
    assert await second.start(late) is not None
    for attempt in (first.store(early, CHUNKS, VECTORS), first.heartbeat(early, 0.5)):
        with pytest.raises(LeaseLostError):
            await attempt
    await first.fail(early, "too late")
    await first.postpone(early, 0, "too late")
    await first.release(early)
    document = (await idle.call("GET", f"/documents/{document_id}", key)).json()
    assert (document["status"], document["error"], document["attempt"]) == ("processing", None, 2)
    await second.store(late, CHUNKS, VECTORS)
    chunks = (await idle.call("GET", f"/documents/{document_id}/chunks", key)).json()["data"]
    assert [chunk["content"] for chunk in chunks] == ["chunk 0", "chunk 1", "chunk 2"]


async def test_a_late_worker_can_finish_if_no_other_has_started(idle: Service) -> None:
    key, document_id = await upload(idle)
    first, early, second, late = await two_claims(idle.services.database)
    await first.store(early, CHUNKS, VECTORS)
    assert await second.start(late) is None
    document = (await idle.call("GET", f"/documents/{document_id}", key)).json()
    assert (document["status"], document["chunk_count"]) == ("ready", 3)
    assert await idle.services.database.value("ingest/next_due") is None


async def test_a_document_deleted_meanwhile_is_dropped(idle: Service) -> None:
    key, document_id = await upload(idle)
    queue = Queue(idle.services.database, "worker", 5)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    assert (await idle.call("DELETE", f"/documents/{document_id}", key)).status_code == 204
    with pytest.raises(LeaseLostError):
        await queue.store(job, CHUNKS, VECTORS)
    assert await queue.claim() is None


async def test_a_document_whose_workers_always_die_ends_in_an_error(database_url: str) -> None:
    settings = test_settings(worker_max_interruptions=2, worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        key, document_id = await upload(service, "A text.")
        for _ in range(2):
            job = await Queue(service.services.database, "dies", 0.05).claim()
            assert job is not None
            await asyncio.sleep(0.1)
    async with running_service(test_settings(worker_max_interruptions=2), database_url) as service:
        document = await service.ended(key, document_id)
    assert document["status"] == "error"
    assert "gave up after 2 attempts" in document["error"]


async def test_a_document_that_meets_a_bug_ends_in_an_error_after_its_attempts(
    remote: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def embed(_provider: object, _texts: list[str]) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(type(remote.services.provider), "embed", embed)
    key, document_id = await upload(remote, "A text.")
    document = await remote.ended(key, document_id)
    assert (document["status"], document["attempt"]) == ("error", 3)
    assert "gave up after 3 attempts: internal error" in document["error"]


async def test_a_stopped_worker_releases_its_document_at_once(
    remote: Service, endpoint: EmbeddingEndpoint, database_url: str
) -> None:
    endpoint.always("hang")
    await upload(remote, "A text.")
    await until(lambda: endpoint.calls)
    worker = remote.services.worker
    assert worker is not None
    await worker.stop()
    job = await Queue(remote.services.database, "next", 5).claim()
    assert job is not None
    assert (job.tries, job.interruptions) == (0, 1)


async def test_progress_is_visible(remote: Service, endpoint: EmbeddingEndpoint) -> None:
    endpoint.delay_s = 1.5
    key, document_id = await upload(remote)
    seen = set()
    async with asyncio.timeout(PATIENCE_S):
        while (document := (await remote.call("GET", f"/documents/{document_id}", key)).json())[
            "status"
        ] == "processing":
            seen.add(document["progress"])
            await asyncio.sleep(0.1)
    assert document["progress"] == 1
    assert [value for value in seen if 0 < value < 1]
