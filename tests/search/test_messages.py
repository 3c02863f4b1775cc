"""Searches of messages find the nearest by meaning, on both lanes, with and without filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from svc.embedded.server import EmbeddedServer
from svc.messages.queue import MessageQueue, Piece
from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection, new_tenant, shared_service
from tests.routes.test_context import plan_of, scans
from tests.search.corpus import FIRST_DAY
from tests.search.test_bits import clustered_vectors

ROLES = ["user", "assistant", "tool", "system"]
CONVERSATIONS = 4
MESSAGES = 150
RESULT_FIELDS = {
    "id", "conversation_id", "position", "role", "content", "metadata", "sources", "token_count", "created_at",
    "similarity", "distance", "keyword_score", "score",
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A stored message with the vectors of its pieces."""

    conversation_id: str
    position: int
    role: str
    created_at: datetime
    vectors: NDArray[np.float16]


@dataclass(frozen=True)
class Talk:
    """A tenant and all of its messages."""

    tenant: Tenant
    # Fixtures are shown by their repr, of which this would be most, and slow.
    messages: list[Said] = field(repr=False)

    def nearest(self, query: NDArray[np.float32], limit: int, kept: list[Said]) -> dict[tuple[str, int], float]:
        """The positions of the nearest messages with their distances, computed by NumPy."""
        distances = {
            (message.conversation_id, message.position): 1 - float(max(message.vectors.astype(np.float32) @ query))
            for message in kept
        }
        return dict(sorted(distances.items(), key=lambda item: item[1])[:limit])


async def make_talk(service: Service, seed: int) -> Talk:
    """Conversations of a new tenant, half a day apart and a day long; every seventh message has three pieces."""
    tenant = await new_tenant(service)
    queue = MessageQueue(service.services.database, "test", 60)
    said: list[Said] = []
    for number in range(CONVERSATIONS):
        conversation_id = (await tenant.conversation())["id"]
        body = [{"role": ROLES[n % 4], "content": f"message {n}"} for n in range(MESSAGES)]
        ok(await tenant.post(f"/conversations/{conversation_id}/messages", json=body), 201)
        async with direct_connection(service) as connection:
            await connection.execute(
                "update messages set created_at = $2::timestamptz + position * interval '10 minutes'"
                " where conversation_id = $1",
                UUID(conversation_id), FIRST_DAY + timedelta(hours=12 * number),
            )  # fmt: skip
        job = await queue.claim()
        assert job is not None
        messages = await queue.pending(job, 0)
        assert len(messages) == MESSAGES
        pieces = [Piece(m, piece, "", 0) for m in messages for piece in range(3 if m.position % 7 == 0 else 1)]
        vectors = clustered_vectors(len(pieces), 1000 * seed + number)
        await queue.store(job, pieces, vectors)
        assert await queue.finish(job, messages[-1].position)
        of_message: dict[int, list[Any]] = {}
        for piece, vector in zip(pieces, vectors, strict=True):
            of_message.setdefault(piece.message.position, []).append(vector)
        said += [
            Said(conversation_id, m.position, m.role, m.created_at, np.stack(of_message[m.position])) for m in messages
        ]
    return Talk(tenant, said)


@pytest_asyncio.fixture(scope="module")
async def exact_talk(server: EmbeddedServer, template: str) -> AsyncIterator[Talk]:
    """The searching tenant, between two others, on a service that takes the exact lane."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=10**6)
    async with shared_service(server, template, "shared_messages", settings) as service:
        await make_talk(service, 1)
        talk = await make_talk(service, 2)
        await make_talk(service, 2)
        async with direct_connection(service) as connection:
            await connection.execute("vacuum analyze message_vectors, messages")
        yield talk


@pytest_asyncio.fixture(scope="module", params=["exact", "bits"])
async def talk(request: pytest.FixtureRequest, exact_talk: Talk) -> AsyncIterator[Talk]:
    """The same on that service, and on one that takes the lane of signatures."""
    if request.param == "exact":
        yield exact_talk
        return
    settings = test_settings(worker_concurrency=0, exact_max_rows=0)
    async with running_service(settings, exact_talk.tenant.service.url) as service:
        yield Talk(replace(exact_talk.tenant, service=service), exact_talk.messages)


def lane_of(talk: Talk) -> str:
    return "bits" if talk.tenant.service.services.settings.exact_max_rows == 0 else "exact"


SECOND_DAY = (FIRST_DAY + timedelta(days=1)).isoformat()
THIRD_DAY = (FIRST_DAY + timedelta(days=2)).isoformat()
FILTERS: list[dict[str, Any]] = [
    {},
    {"roles": ["assistant"]},
    {"roles": ["tool", "system"]},
    {"created_after": SECOND_DAY},
    {"created_before": SECOND_DAY},
    {"created_after": SECOND_DAY, "created_before": THIRD_DAY, "roles": ["user"]},
]


def left_by(talk: Talk, body: dict[str, Any], conversation_id: str | None) -> list[Said]:
    """The messages that match the filters."""
    after, before = (datetime.fromisoformat(body[f"created_{name}"]) if f"created_{name}" in body else None
                     for name in ("after", "before"))  # fmt: skip
    return [
        message
        for message in talk.messages
        if conversation_id in (None, message.conversation_id)
        and message.role in body.get("roles", ROLES)
        and (after is None or message.created_at >= after)
        and (before is None or message.created_at < before)
    ]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: " ".join(filters) or "all")
@pytest.mark.parametrize("place", ["all", "one"])
async def test_the_nearest_are_found(talk: Talk, filters: dict[str, Any], place: str) -> None:
    conversation_id = talk.messages[MESSAGES].conversation_id if place == "one" else None
    path = "/conversations/search" if conversation_id is None else f"/conversations/{conversation_id}/search"
    kept = left_by(talk, filters, conversation_id)
    hits = wanted = 0
    for query in clustered_vectors(6, 99).astype(np.float32):
        for limit in (1, 20):
            body = {"embedding": query.tolist(), "limit": limit, **filters}
            answer = await talk.tenant.post(path, json=body)
            found = ok(answer)
            assert found["lane"] == lane_of(talk)
            assert statements(answer) <= 3
            results = found["results"]
            expected = talk.nearest(query, limit, kept)
            assert len(results) == len(expected) == min(limit, len(kept))
            assert all(result.keys() == RESULT_FIELDS for result in results)
            similarities = [result["similarity"] for result in results]
            assert similarities == sorted(similarities, reverse=True)
            places = [(result["conversation_id"], result["position"]) for result in results]
            assert len(set(places)) == len(places), "a message of several pieces appears once"
            assert set(places) <= {(message.conversation_id, message.position) for message in kept}
            if lane_of(talk) == "exact":
                distances = [result["distance"] for result in results]
                np.testing.assert_allclose(distances, list(expected.values()), atol=1e-3)
            hits += len(set(places) & set(expected))
            wanted += len(expected)
    assert wanted
    assert hits / wanted >= 0.98


async def test_a_threshold_is_the_minimum_similarity(talk: Talk) -> None:
    query = clustered_vectors(1, 99).astype(np.float32)[0].tolist()
    everything = ok(await talk.tenant.post("/conversations/search", json={"embedding": query, "limit": 50}))["results"]
    least = everything[10]["similarity"]
    body = {"embedding": query, "limit": 50, "threshold": least}
    results = ok(await talk.tenant.post("/conversations/search", json=body))["results"]
    assert results == everything[:11]


async def test_exact_recall_takes_the_exact_lane(talk: Talk) -> None:
    query = clustered_vectors(1, 98).astype(np.float32)[0]
    body = {"embedding": query.tolist(), "limit": 30, "recall": "exact"}
    found = ok(await talk.tenant.post("/conversations/search", json=body))
    assert found["lane"] == "exact"
    places = {(result["conversation_id"], result["position"]) for result in found["results"]}
    assert len(places & set(talk.nearest(query, 30, talk.messages))) >= 29, "except for equal distances"


async def test_signatures_and_filters_are_read_from_the_key_alone(talk: Talk) -> None:
    query = clustered_vectors(1, 98).astype(np.float32)[0]
    values = [UUID(talk.tenant.id), None, query, b"\x0f" * 192, 100, None, ["user"], FIRST_DAY, None, None, 5]
    statements_of = talk.tenant.service.services.database
    async with statements_of.pool.connection() as connection:
        plan = await plan_of(connection, "message_search/bits", *values)
        size = await plan_of(connection, "message_search/size", UUID(talk.tenant.id), None, 101)
    read = scans(plan)
    assert not [name for name in read if name.startswith("seq")], read
    scan = next(node for node in nodes(plan["Plan"]) if node["Node Type"] == "Index Only Scan")
    assert scan["Index Name"] == "message_vectors_pkey"
    assert scan["Heap Fetches"] == 0
    assert scans(size) == {"message_vectors_pkey": 101}, "no more than necessary is counted"


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(inner for child in plan.get("Plans", []) for inner in nodes(child))]


async def test_a_message_is_found_by_meaning(service: Service) -> None:
    """From the append to the answer, with the local model."""
    tenant = await new_tenant(service)
    sea_id, sky_id = [(await tenant.conversation(title=title))["id"] for title in ("sea", "sky")]
    await tenant.say(
        sea_id,
        {"role": "user", "content": "Where may visitors moor a boat in the harbour?"},
        {"role": "assistant", "content": "At the yellow buoys, for one night."},
    )
    await tenant.say(
        sky_id,
        {"role": "user", "content": "When does the comet come back?"},
        {"role": "assistant", "content": "The comet returns to the inner solar system in 76 years."},
    )
    body = {"query": "return of the comet", "roles": ["assistant"], "limit": 1}
    (found,) = ok(await tenant.post("/conversations/search", json=body))["results"]
    assert (found["conversation_id"], found["position"]) == (sky_id, 2)
    assert found["content"] == "The comet returns to the inner solar system in 76 years."
    assert found["similarity"] == pytest.approx(1 - found["distance"])
    for path in (f"/conversations/{sky_id}/search", "/conversations/search"):
        results = ok(await tenant.post(path, json={"query": "boats in a harbour", "limit": 1}))["results"]
        assert (results[0]["conversation_id"] == sky_id) == (path != "/conversations/search")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "query"),
    ({"query": "a", "embedding": [1.0] * 256, "mode": "meaning"}, "query"),
    ({"embedding": [1.0] * 256, "mode": "hybrid"}, "query"),
    ({"query": "a", "embedding": [1.0] * 256, "mode": "keyword"}, "embedding"),
    ({"query": "a", "mode": "keyword", "threshold": 0.5}, "threshold"),
    ({"query": "a", "mode": "keyword", "keyword_weight": 0.5}, "keyword_weight"),
    ({"query": "a", "keyword_weight": 1.5}, "keyword_weight"),
    ({"query": "a", "neighbours": 6}, "neighbours"),
    ({"query": " "}, "query"),
    ({"query": "q" * 32_769}, "query"),
    ({"embedding": [1.0]}, "embedding"),
    ({"embedding": [0.0] * 256}, "embedding"),
    ({"query": "a", "limit": 0}, "limit"),
    ({"query": "a", "limit": 101}, "limit"),
    ({"query": "a", "roles": ["robot"]}, "roles[0]"),
    ({"query": "a", "roles": "user"}, "roles"),
    ({"query": "a", "roles": ["user"] * 7}, "roles"),
    ({"query": "a", "created_after": "2026-01-01"}, "created_after"),
    ({"query": "a", "created_before": "9999-12-31T23:59:59-12:00"}, "created_before"),
    ({"query": "a", "recall": "all"}, "recall"),
    ({"query": "a", "conversation_id": str(uuid4())}, "conversation_id"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(searching: Service, body: dict[str, Any], field: str) -> None:
    tenant = await new_tenant(searching)
    conversation_id = (await tenant.conversation())["id"]
    for path in ("/conversations/search", f"/conversations/{conversation_id}/search"):
        problem(await tenant.post(path, json=body), 422, field)


async def test_a_search_without_messages_finds_nothing(searching: Service) -> None:
    tenant = await new_tenant(searching)
    conversation_id = (await tenant.conversation())["id"]
    for path in ("/conversations/search", f"/conversations/{conversation_id}/search"):
        assert ok(await tenant.post(path, json={"query": "a"})) == {
            "results": [],
            "mode": "hybrid",
            "lane": "exact",
        }
