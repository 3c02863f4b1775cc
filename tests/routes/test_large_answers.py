"""Answers that contain many or large messages: bounded in bytes, and complete over all pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import Service
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, direct_connection, new_tenant

# The maximum size of an answer: 4 MiB, the message that exceeds it, and the rest of the JSON.
MOST_BYTES = 6 * 2**20
LARGE = 1_000_000


async def large_messages(service: Service, tenant: Tenant, conversations: int, messages: int) -> list[str]:
    """Make conversations with messages of a megabyte each; the ids, newest first."""
    ids = [(await tenant.conversation())["id"] for _ in range(conversations)][::-1]
    async with direct_connection(service) as connection:
        await connection.execute(
            """
            insert into messages (user_id, conversation_id, position, role, content, token_count)
            select c.user_id, c.id, p, case when p = 1 then 'system' else 'user' end, repeat('x', $2), 1
            from conversations as c cross join generate_series(1, $3) as p where c.user_id = $1::uuid""",
            tenant.id, LARGE, messages,
        )  # fmt: skip
        await connection.execute(
            "update conversations set message_count = $2 where user_id = $1::uuid", tenant.id, messages
        )
    return ids


def bounded(answer: httpx.Response) -> Any:
    """Check the size of an answer, and return it decoded."""
    assert len(answer.content) <= MOST_BYTES
    return ok(answer)


@pytest.mark.parametrize("messages", [4, 5, 12])
async def test_a_list_of_large_messages_is_returned_in_pages_that_fit(quiet: Service, messages: int) -> None:
    tenant = await new_tenant(quiet)
    [conversation] = await large_messages(quiet, tenant, 1, messages)
    seen, after = [], 0
    while True:
        page = bounded(await tenant.get(f"/conversations/{conversation}/messages?limit=100&after={after}"))
        assert page["data"], "only the last page has no next"
        seen += [message["position"] for message in page["data"]]
        if page["next"] is None:
            break
        after = int(page["next"])
    assert seen == list(range(1, messages + 1))


async def test_a_list_of_conversations_with_large_messages_is_returned_in_pages_that_fit(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    ids = await large_messages(quiet, tenant, 7, 3)
    seen: list[str] = []
    query = "limit=100&recent=50"
    while True:
        page = bounded(await tenant.get(f"/conversations?{query}"))
        assert page["data"]
        for conversation in page["data"]:
            seen.append(conversation["id"])
            assert [message["position"] for message in conversation["messages"]] == [1, 2, 3]
        if page["next"] is None:
            break
        query = f"limit=100&recent=50&after={page['next']}"
    assert seen == ids


@pytest.mark.parametrize("place", ["content", "parts"])
async def test_the_newest_messages_that_fit_are_returned(quiet: Service, place: str) -> None:
    tenant = await new_tenant(quiet)
    await large_messages(quiet, tenant, 2, 12)
    if place == "parts":
        async with direct_connection(quiet) as connection:
            await connection.execute(
                "update messages set content = null, parts = jsonb_build_array("
                "jsonb_build_object('type', 'text', 'text', content)) where user_id = $1::uuid",
                tenant.id,
            )
    page = bounded(await tenant.get("/conversations?limit=100&recent=50"))
    assert [[m["position"] for m in c["messages"]] for c in page["data"]] == [[8, 9, 10, 11, 12]]
    assert page["next"] == page["data"][0]["id"]


async def test_the_context_has_the_system_message_and_the_newest_that_fit(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    [conversation] = await large_messages(quiet, tenant, 1, 12)
    context = bounded(await tenant.get(f"/conversations/{conversation}/context"))
    assert [message["position"] for message in context["data"]] == [1, 10, 11, 12]
    assert context["omitted"] == 8


async def test_a_search_of_messages_returns_as_many_as_fit(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    [conversation] = await large_messages(quiet, tenant, 1, 12)
    async with direct_connection(quiet) as connection:
        await connection.execute(
            """
            insert into message_vectors
                (user_id, conversation_id, position, piece, role, created_at, embedding, signature)
            select m.user_id, m.conversation_id, m.position, 0, m.role, m.created_at,
                array_fill(0.5::real, array[256])::halfvec(256), repeat('10', 768)::bit(1536)
            from messages as m where m.user_id = $1::uuid""",
            tenant.id,
        )
    for recall in ({}, {"recall": "exact"}):
        body = {"embedding": [0.5] * 256, "limit": 100, **recall}
        found = bounded(await tenant.post(f"/conversations/{conversation}/search", json=body))
        assert [result["position"] for result in found["results"]] == [1, 2, 3, 4, 5]


async def test_a_repeated_request_returns_all_its_messages(quiet: Service) -> None:
    """The answer to the request itself is not cut: the request is larger than a page, but its texts are not."""
    tenant = await new_tenant(quiet)
    document = await tenant.upload("a.txt", "text")
    async with direct_connection(quiet) as connection:
        chunk = await connection.fetchval(
            """
            insert into chunks (user_id, document_id, chunk_index, content, content_hash, token_count)
            values ($1::uuid, $2::uuid, 0, repeat('x', 100000), $2::uuid, 1) returning id::text""",
            tenant.id, document["id"],
        )  # fmt: skip
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    said = [{"role": "user", "content": "text", "sources": [chunk] * 10} for _ in range(12)]
    answers = [ok(await tenant.post(path, json=said, headers={"Idempotency-Key": "one"}), 201) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(answers[0]["data"]) == 12
