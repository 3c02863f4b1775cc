"""Real worker processes that are stopped (SIGSTOP) while storing: others continue, and no document fails."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
import pytest_asyncio

from svc.embedded.server import url_as
from svc.errors import RowsLockedError
from svc.ingest.queue import Queue
from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, new_tenant
from tests.server_process import clean_environment

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers check for stopped sessions several times per second."""
    monkeypatch.setattr("svc.jobs.stalled._EVERY_S", 0.3)
    monkeypatch.setattr("svc.jobs.stalled._SPARE_S", 0.2)


@pytest_asyncio.fixture
async def idle(database_url: str) -> AsyncIterator[Service]:
    """A service without a worker."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        yield service


def with_worker(**changes: object) -> Any:
    """Settings of a service whose worker gives up after a single failed attempt."""
    return test_settings(
        **{"worker_lease_s": 1.0, "worker_poll_s": 0.2, "worker_max_attempts": 1, "statement_timeout_s": 2.0, **changes}
    )


@contextmanager
def stopping_worker(service: Service, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker until it has stopped itself; it is killed at the end of the block."""
    url = url_as(service.url, service.services.settings.service_role)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.stopping_worker", url, *arguments],
        stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=clean_environment(),
    )  # fmt: skip
    with worker:
        try:
            process = psutil.Process(worker.pid)
            while process.status() != psutil.STATUS_STOPPED:
                assert worker.poll() is None, "it ended before it stopped"
                time.sleep(0.02)
            yield worker
        finally:
            worker.kill()


async def outcome_after_continuing(worker: subprocess.Popen[str]) -> str:
    """Continue the worker; returns the line that it prints."""
    worker.send_signal(signal.SIGCONT)
    assert worker.stdout is not None
    return (await asyncio.to_thread(worker.stdout.readline)).strip()


async def uploaded(service: Service) -> tuple[Tenant, str]:
    """A tenant with one document that waits for a worker."""
    tenant = await new_tenant(service)
    document = ok(await tenant.post("/documents", json={"filename": "a.txt", "content": "A short text."}), 202)
    return tenant, document["id"]


PLACES = [
    ("ingest/chunk_ids",),
    ("ingest/write_chunks",),
    ("ingest/write_chunks", "half"),
    ("ingest/finish",),
]


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
async def test_the_document_of_a_stopped_worker_is_ingested_by_another(
    idle: Service, database_url: str, place: tuple[str, ...]
) -> None:
    """The session of the first worker is ended, even within a message, and the continued worker changes nothing."""
    tenant, document_id = await uploaded(idle)
    with stopping_worker(idle, "documents", *place) as stopped:
        async with running_service(with_worker(), database_url) as service:
            document = await service.ended(tenant.key, document_id)
        assert (document["status"], document["error"], document["chunk_count"]) == ("ready", None, 1)

        assert await outcome_after_continuing(stopped) == "DatabaseUnavailableError"
        document = ok(await tenant.get(f"/documents/{document_id}"))
        chunks = ok(await tenant.get(f"/documents/{document_id}/chunks"))["data"]
        assert (document["status"], [chunk["content"] for chunk in chunks]) == ("ready", ["A short text."])


async def test_claims_pass_over_a_document_that_is_being_stored(idle: Service, observer: Any) -> None:
    """While the other worker stores it, no claim succeeds, however long its lease has expired."""
    await uploaded(idle)
    with stopping_worker(idle, "documents", "ingest/finish", "long"):
        await asyncio.sleep(1.2)
        assert await observer.fetchval("select due_at < now() from ingestion_jobs"), "the lease has expired"
        assert await Queue(idle.services.database, "other", 60).claim() is None
        assert await observer.fetchval("select interruptions from ingestion_jobs") == 1


async def test_a_document_that_another_session_has_locked_is_ingested_later(
    idle: Service, observer: Any, database_url: str
) -> None:
    """Neither the claim nor a renewal of the lease waits for it, and no attempt counts."""
    tenant, document_id = await uploaded(idle)
    async with running_service(with_worker(worker_max_interruptions=3), database_url) as service:
        async with observer.transaction():
            await observer.execute("select from documents where id = $1 for update", UUID(document_id))
            await asyncio.sleep(5)
        document = await service.ended(tenant.key, document_id)
    assert (document["status"], document["error"]) == ("ready", None)


async def test_a_locked_document_is_distinguished_from_a_deleted_one(idle: Service, observer: Any) -> None:
    _, document_id = await uploaded(idle)
    queue = Queue(idle.services.database, "worker", 0.1)
    job = await queue.claim()
    assert job is not None
    async with observer.transaction():
        await observer.execute("select from documents for update")
        with pytest.raises(RowsLockedError):
            await queue.start(job)
        await queue.release(job, 0)
        again = await queue.claim()
        assert again is not None
        assert (again.attempt, again.tries, again.interruptions) == (2, 0, 1)
    await observer.execute("delete from documents where id = $1", UUID(document_id))
    assert await queue.start(again) is None
    assert await observer.fetchval("select count(*) from ingestion_jobs") == 0


async def test_a_lost_lease_does_not_count(idle: Service, observer: Any) -> None:
    """A worker that was stopped for longer than its lease reports this when it continues."""
    await uploaded(idle)
    queue = Queue(idle.services.database, "first", 0.1)
    early = await queue.claim()
    assert early is not None
    await asyncio.sleep(0.2)
    late = await Queue(idle.services.database, "second", 60).claim()
    assert late is not None
    assert late.interruptions == 2

    await queue.release(early)

    row = await observer.fetchrow("select attempt, interruptions, worker, due_at > now() + '30 s' from ingestion_jobs")
    assert tuple(row) == (2, 1, "second", True), "the lease of the second continues"


async def appended(service: Service) -> tuple[Tenant, str]:
    """A tenant with a conversation that waits for a worker."""
    tenant = await new_tenant(service)
    conversation_id = (await tenant.conversation())["id"]
    await append(tenant, conversation_id)
    return tenant, conversation_id


async def append(tenant: Tenant, conversation_id: str) -> None:
    body = [{"role": "user", "content": "A message. " * 40_000} for _ in range(2)]
    ok(await tenant.post(f"/conversations/{conversation_id}/messages", json=body), 201)


@pytest.mark.parametrize("statement", ["message_jobs/write_vectors", "message_jobs/charge", "message_jobs/finish"])
async def test_the_messages_of_a_stopped_worker_are_embedded_by_another(
    idle: Service, observer: Any, database_url: str, statement: str
) -> None:
    """Messages can be appended to the conversation meanwhile."""
    tenant, conversation_id = await appended(idle)
    with stopping_worker(idle, "messages", statement) as stopped:
        await append(tenant, conversation_id)
        async with running_service(with_worker(), database_url):
            await tenant.embedded(conversation_id)
        assert await outcome_after_continuing(stopped) == "DatabaseUnavailableError"
    positions = await observer.fetch("select distinct position from message_vectors order by 1")
    assert [row["position"] for row in positions] == [1, 2, 3, 4]


async def test_claims_pass_over_a_conversation_whose_vectors_are_being_stored(idle: Service, observer: Any) -> None:
    await appended(idle)
    with stopping_worker(idle, "messages", "message_jobs/write_vectors", "long"):
        await asyncio.sleep(1.2)
        lease = UUID(int=1)
        claimed = await idle.services.database.one(
            "message_jobs/claim", worker="w", lease=lease, lease_s=60.0, after=UUID(int=0)
        )
        assert claimed is None
        assert await observer.fetchval("select interruptions from message_jobs") == 1
