"""Requests while the database does not answer: 503 with Retry-After, and everything works again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from svc import background, metrics
from svc.database import pool
from tests.conftest import PATIENCE_S, Service, running_service, test_settings
from tests.database.conftest import until
from tests.proxy import Proxy

SOMEONE = "0198c0de-0000-7000-8000-000000000000"
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/me", {}),
    ("GET", "/documents", {}),
    ("GET", f"/documents/{SOMEONE}", {}),
    ("GET", f"/documents/{SOMEONE}/content", {}),
    ("POST", "/documents", {"json": {"filename": "notes.txt", "content": "The comet returns."}}),
    ("POST", "/documents", {"files": {"file": ("notes.txt", b"The comet returns.")}}),
    ("POST", "/documents/delete", {"json": {"status": "error"}}),
    ("POST", "/search", {"json": {"query": "comet"}}),
    ("POST", "/conversations", {"json": {"title": "Comets"}}),
    ("POST", "/conversations", {"json": {"title": "Comets"}, "headers": {"Idempotency-Key": "one"}}),
    ("POST", f"/conversations/{SOMEONE}/messages", {"json": [{"role": "user", "content": "When?"}]}),
    ("PATCH", "/me/preferences", {"json": {"theme": "dark"}}),
    ("GET", "/usage", {}),
    ("GET", "/me/export", {}),
    ("DELETE", f"/documents/{SOMEONE}", {}),
    ("DELETE", f"/conversations/{SOMEONE}", {}),
]


@pytest_asyncio.fixture
async def distant(proxy: Proxy) -> AsyncIterator[Service]:
    """A service with short waits, whose database is behind the proxy."""
    settings = test_settings(key_cache_s=60, pool_size=4, connect_timeout_s=10)
    async with running_service(settings, proxy.url) as service:
        yield service


def hurry(service: Service) -> None:
    """Shorten the waits for the database after the service has started."""
    database = service.services.database
    database.statement_s = database.pool.statement_s = 0.5
    database.pool._acquire_timeout_s = 0.3


async def answered_again(service: Service, key: str, path: str = "/documents") -> None:
    async def is_answered() -> bool:
        return (await service.call("GET", path, key)).status_code == 200

    await until(is_answered)


async def test_every_kind_of_request_is_answered_503_in_a_black_hole(distant: Service, proxy: Proxy) -> None:
    _, key = await distant.user("ada@example.com")
    assert (await distant.call("GET", "/me", key)).status_code == 200
    hurry(distant)
    proxy.black_hole()

    answers = [await distant.call(method, path, key, **options) for method, path, options in REQUESTS]
    answers.append(await distant.call("GET", "/health/ready"))
    together = await asyncio.gather(*(distant.call("GET", "/documents", key) for _ in range(20)))

    for request, answer in zip(REQUESTS, answers, strict=False):
        assert answer.status_code == 503, (request, answer.text)
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
    assert answers[-1].status_code == 503
    # One user cannot use all connections: further requests are refused until the user's other requests end.
    assert {answer.status_code for answer in together} <= {429, 503}
    assert all("retry-after" in answer.headers for answer in together)
    proxy.heal()
    await answered_again(distant, key)


@pytest.mark.parametrize("fault", ["reset", "lose"])
async def test_dead_connections_are_503_at_most(distant: Service, proxy: Proxy, fault: str) -> None:
    _, key = await distant.user("ada@example.com")
    hurry(distant)
    await asyncio.gather(*(distant.call("GET", "/documents", key) for _ in range(20)))
    getattr(proxy, fault)()

    answers = await asyncio.gather(*(distant.call("GET", "/documents", key) for _ in range(20)))

    assert {answer.status_code for answer in answers} <= {200, 429, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code != 200)
    await answered_again(distant, key)


async def test_no_loop_dies_of_a_black_hole_and_each_works_afterwards(
    distant: Service, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_RETIRE_S", 0.2, raising=False)
    monkeypatch.setattr("svc.jobs.loop._MOST_PAUSE_S", 1.0)
    monkeypatch.setattr("svc.jobs.sweep._EVERY_S", 0.1)
    monkeypatch.setattr(background, "_MOST_PAUSE_S", 1.0)
    user_id, key = await distant.user("ada@example.com")
    hurry(distant)
    before = deaths()
    for fault in ("black_hole", "lose", "reset"):
        getattr(proxy, fault)()
        await asyncio.sleep(2)
        proxy.heal()

    assert not distant.services.background.failing
    assert deaths() == before
    await answered_again(distant, key)
    await answered_again(distant, key, "/health/ready")
    await distant.ready_document(key, "notes.txt", "The comet returns in May.")
    assert await ledger(distant, user_id) > 0


def deaths() -> float:
    return sum(
        sample.value
        for metric in metrics.background_failures_total.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


async def ledger(service: Service, user_id: str) -> int:
    """The requests of a user in the ledger, after a flush of the meter."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await service.call("GET", "/usage", headers={"Cabinet-User": user_id})
            assert answer.status_code == 200, answer.text
            if count := answer.json()["total"]["requests"]:
                return int(count)
            await asyncio.sleep(0.05)
