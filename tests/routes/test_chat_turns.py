"""Turns of a conversation: the messages and the chunks that fit, without already cited chunks."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.routes.answers import ok, problem, statements
from tests.routes.tenants import Tenant, new_tenant

FACTS = [f"Comet {name} has a tail of {n} million kilometres." for n, name in enumerate("ABCDEFGH", start=1)]
QUERY = "How long is the tail of a comet?"


async def conversation_with(tenant: Tenant, *messages: dict[str, Any], **values: Any) -> str:
    conversation = await tenant.conversation(**values)
    if messages:
        ok(await tenant.post(f"/conversations/{conversation['id']}/messages", json=list(messages)), 201)
    return f"/conversations/{conversation['id']}"


async def turn(tenant: Tenant, path: str, **body: Any) -> dict[str, Any]:
    return dict(ok(await tenant.post(f"{path}/turn", json={"query": QUERY, **body})))


async def facts(tenant: Tenant) -> list[dict[str, Any]]:
    return [await tenant.ready_document(f"{number}.txt", fact) for number, fact in enumerate(FACTS)]


async def test_a_turn_has_the_messages_and_the_numbered_chunks(tenant: Tenant) -> None:
    await facts(tenant)
    path = await conversation_with(
        tenant, {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}
    )
    answer = await tenant.post(f"{path}/turn", json={"query": QUERY})
    found = ok(answer)
    assert statements(answer) <= 3
    assert [(message["role"], message["content"]) for message in found["messages"]] == [
        ("system", "Be brief."), ("user", "Hello"),
    ]  # fmt: skip
    assert [chunk["number"] for chunk in found["chunks"]] == list(range(1, 9))
    searched = ok(await tenant.post("/search", json={"query": QUERY, "limit": 8}))["results"]
    assert [{**chunk, "number": 0} for chunk in found["chunks"]] == [{**result, "number": 0} for result in searched]
    assert (found["cited"], found["omitted"]) == ([], 0)
    assert found["token_count"] == found["history_token_count"] + found["chunk_token_count"]


async def test_a_turn_stores_nothing(tenant: Tenant) -> None:
    await facts(tenant)
    path = await conversation_with(tenant, {"role": "user", "content": "Hello"})
    before = ok(await tenant.get(path)), ok(await tenant.get(f"{path}/messages"))
    assert await turn(tenant, path) == await turn(tenant, path)
    assert before == (ok(await tenant.get(path)), ok(await tenant.get(f"{path}/messages")))


async def test_messages_and_chunks_keep_to_their_shares(tenant: Tenant) -> None:
    await facts(tenant)
    said = [{"role": "user", "content": f"message {n}", "token_count": 10} for n in range(20)]
    path = await conversation_with(tenant, *said)
    for budget, share in product([1, 30, 60, 100, 200, 3000], [0, 0.2, None, 0.9, 1]):
        body = {"token_budget": budget} | ({} if share is None else {"history_share": share})
        found = await turn(tenant, path, **body)
        history = sum(message["token_count"] for message in found["messages"])
        chunks = sum(chunk["token_count"] for chunk in found["chunks"])
        most = budget * (1 / 3 if share is None else share)
        assert (found["history_token_count"], found["chunk_token_count"]) == (history, chunks), body
        assert history <= most, body
        assert history + chunks == found["token_count"] <= budget, body
        assert len(found["messages"]) == min(20, int(most) // 10), body
        assert found["omitted"] == 20 - len(found["messages"]), body


async def test_chunks_cited_by_the_messages_are_not_given_again(tenant: Tenant) -> None:
    documents = await facts(tenant)
    # A copy of a cited text also counts as cited.
    await tenant.ready_document("copy.txt", FACTS[1])
    cited = [(await tenant.chunks(documents[number]["id"]))[0] for number in (1, 3)]
    path = await conversation_with(
        tenant,
        {"role": "user", "content": "Which comets?"},
        {"role": "assistant", "content": "B [1] and D [2].", "sources": [chunk["id"] for chunk in cited]},
    )
    found = await turn(tenant, path, search={"limit": 4})
    assert found["messages"][1]["sources"] == [chunk["id"] for chunk in cited]
    assert len(found["chunks"]) == 4
    assert not {chunk["content"] for chunk in found["chunks"]} & {FACTS[1], FACTS[3]}
    assert {chunk["content"] for chunk in found["cited"]} <= {FACTS[1], FACTS[3]}
    assert [chunk["number"] for chunk in found["chunks"] + found["cited"]] == [
        *range(1, len(found["chunks"] + found["cited"]) + 1)
    ]
    # A message that is not part of the turn cites nothing.
    everything = await turn(tenant, path, history_share=0)
    assert {chunk["content"] for chunk in everything["chunks"]} == set(FACTS)
    assert everything["cited"] == []


async def test_the_answer_of_a_tool_is_not_cut_from_its_call(tenant: Tenant) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    path = await conversation_with(
        tenant,
        {"role": "user", "content": "Look.", "token_count": 10},
        {"role": "assistant", "content": None, "tool_calls": [call], "token_count": 30},
        {"role": "tool", "content": "seen", "tool_call_id": "call_1", "token_count": 10},
        {"role": "assistant", "content": "I saw it.", "token_count": 10},
    )
    for budget in range(1, 80):
        roles = [m["role"] for m in (await turn(tenant, path, token_budget=budget, history_share=1))["messages"]]
        assert roles in (
            [],
            ["assistant"],
            ["assistant", "tool", "assistant"],
            ["user", "assistant", "tool", "assistant"],
        )


async def test_an_empty_conversation_has_a_turn_and_an_unknown_one_has_none(tenant: Tenant) -> None:
    await facts(tenant)
    path = await conversation_with(tenant)
    answer = await tenant.post(f"{path}/turn", json={"query": QUERY, "search": {"neighbours": 1}})
    assert ok(answer)["messages"] == []
    assert len(ok(answer)["chunks"]) == 8
    assert statements(answer) <= 3 + 1
    stranger = await new_tenant(tenant.service)
    for one, place in ((stranger, path), (tenant, f"/conversations/{uuid4()}")):
        refused = problem(await one.post(f"{place}/turn", json={"query": QUERY}), 404)
        assert refused["detail"] == "there is no such conversation"


async def test_the_search_of_a_turn_takes_the_fields_of_a_search(tenant: Tenant) -> None:
    documents = await facts(tenant)
    path = await conversation_with(tenant, document_ids=[documents[0]["id"], documents[2]["id"]])
    own = {"conversation_id": path.removeprefix("/conversations/")}
    scoped = await turn(tenant, path, search=own)
    assert {chunk["content"] for chunk in scoped["chunks"]} == {FACTS[0], FACTS[2]}
    options = {"mode": "keyword", "highlights": True, "neighbours": 1, "limit": 2, "group_by": "document"}
    chosen = await turn(tenant, path, search=options)
    assert (chosen["mode"], len(chosen["chunks"])) == ("keyword", 2)
    assert all(chunk["passage"]["highlights"] for chunk in chosen["chunks"])
    one = await turn(tenant, path, search={"max_tokens": chosen["chunks"][0]["token_count"]})
    assert len(one["chunks"]) == 1
    other = await tenant.conversation()
    refused = await tenant.post(f"{path}/turn", json={"query": QUERY, "search": {"conversation_id": other["id"]}})
    problem(refused, 422, "search.conversation_id")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": None}, "query"),
        ({"token_budget": 0}, "token_budget"),
        ({"history_share": 1.1}, "history_share"),
        ({"history_share": -0.1}, "history_share"),
        ({"search": {"limit": 101}}, "search.limit"),
        ({"search": {"query": "a"}}, "search.query"),
        ({"search": {"neighbours": 11}}, "search.neighbours"),
        ({"search": []}, "search"),
        ({"search": {"collection_ids": [str(UUID(int=0))]}}, "search.collection_ids"),
        ({"search": {"conversation_id": str(UUID(int=0))}}, "search.conversation_id"),
        ({"search": {"attribute_filter": {"type": "eq", "key": "a", "value": 1}}}, "search.collection_ids"),
        ({"search": {"filter": {"type": "about", "key": "a", "value": 1}}}, "search.filter.type"),
        ({"search": {"uploaded_after": "tomorrow"}}, "search.uploaded_after"),
        ({"search": {"metadata": {"$gte": 1}}}, "search.metadata.$gte"),
    ],
)
async def test_a_wrong_field_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    path = await conversation_with(tenant)
    problem(await tenant.post(f"{path}/turn", json={"query": "a", **body}), 422, field)
