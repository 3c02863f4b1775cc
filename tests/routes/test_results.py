"""The form of search results over HTTP, and a single chunk with its neighbours."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.routes.answers import ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection, new_tenant

MOON = "The Moon orbits the Earth once in 27 days."
# Each paragraph has more tokens than half a chunk, so each becomes a separate chunk.
PARAGRAPHS = [
    f"Comet number {n} is described here." + "".join(f" Its tail has part {n}-{part}." for part in range(60))
    for n in range(8)
]
COMETS = "\n\n".join(PARAGRAPHS)


async def found(tenant: Tenant, query: str, **body: Any) -> list[dict[str, Any]]:
    return list(ok(await tenant.post("/search", json={"query": query, **body}))["results"])


async def test_equal_texts_are_one_result(tenant: Tenant) -> None:
    first = await tenant.ready_document("a.txt", MOON)
    for number in range(7):
        await tenant.ready_document(f"copy{number}.txt", MOON)
    other = await tenant.ready_document("b.txt", "The Moon is far away, at 384,400 km from the Earth.")
    results = await found(tenant, "the moon and the earth", limit=3)
    assert sorted((result["duplicates"], result["content"] == MOON) for result in results) == [(0, False), (7, True)]
    kept = await found(tenant, "the moon and the earth", limit=9, duplicates="keep")
    assert len(kept) == 9
    assert {result["duplicates"] for result in kept} == {0}
    ids = {first["id"], other["id"]}
    assert {result["document_id"] for result in results} <= ids | {result["document_id"] for result in kept}


async def test_equal_texts_take_the_place_of_no_result(tenant: Tenant) -> None:
    for number in range(12):
        await tenant.ready_document(f"copy{number}.txt", MOON)
    for number in range(4):
        await tenant.ready_document(f"{number}.txt", f"A moon of planet {number} is far from the Earth.")
    assert len(await found(tenant, MOON, limit=5)) == 5
    assert statements(await tenant.post("/search", json={"query": MOON, "limit": 5})) == 2
    answer = await tenant.post("/search", json={"query": MOON, "limit": 5, "neighbours": 1})
    assert len(ok(answer)["results"]) == 5
    assert statements(answer) == 2


async def test_documents_are_groups_in_the_order_of_their_best_chunks(tenant: Tenant) -> None:
    names = ["a.txt", "b.txt", "c.txt"]
    for number, name in enumerate(names):
        await tenant.ready_document(name, COMETS.replace("described", f"described in volume {number}"))
    results = await found(tenant, "comet tail", group_by="document", per_group=2, limit=2)
    order = [result["document_id"] for result in results]
    assert len(order) == 4
    assert order[0] == order[1] != order[2] == order[3]
    best = await found(tenant, "comet tail", limit=1)
    assert results[0]["chunk_id"] == best[0]["chunk_id"]


async def test_the_chunks_around_a_result_are_its_passage(tenant: Tenant) -> None:
    document = await tenant.ready_document("comets.txt", COMETS)
    chunks = await tenant.chunks(document["id"])
    assert len(chunks) >= 4
    (result,) = await found(tenant, "comet number 3", mode="keyword", limit=1, neighbours=1)
    index, passage = result["chunk_index"], result["passage"]
    first, last = max(0, index - 1), min(len(chunks) - 1, index + 1)
    assert (passage["first_chunk_index"], passage["last_chunk_index"]) == (first, last)
    assert passage["chunk_ids"] == [result["chunk_id"]]
    assert COMETS[chunks[first]["metadata"]["start"] : chunks[last]["metadata"]["end"]] == passage["content"]
    assert result["content"] == chunks[index]["content"]
    assert passage["token_count"] >= result["token_count"] == chunks[index]["token_count"]
    # All of them overlap, so they become one result.
    (whole,) = await found(tenant, "comet tail", limit=100, neighbours=10)
    assert whole["passage"]["content"] == COMETS.strip()
    assert set(whole["passage"]["chunk_ids"]) == {chunk["id"] for chunk in chunks}


async def test_passages_stay_within_their_document(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", MOON)
    await tenant.ready_document("b.txt", "The Moon has no air.")
    for result in await found(tenant, "moon", neighbours=10):
        assert result["passage"]["content"] == result["content"]


async def test_a_budget_keeps_the_best_results_that_fit(tenant: Tenant) -> None:
    await tenant.ready_document("comets.txt", COMETS)
    everything = await found(tenant, "comet tail", limit=50)
    budget = everything[0]["token_count"] + everything[1]["token_count"]
    assert [result["chunk_id"] for result in await found(tenant, "comet tail", limit=50, max_tokens=budget)][:2] == [
        result["chunk_id"] for result in everything[:2]
    ]
    for most in (1, 40, 200, 1000):
        for neighbours in (0, 1):
            results = await found(tenant, "comet tail", limit=50, max_tokens=most, neighbours=neighbours)
            shown = [result.get("passage", result)["token_count"] for result in results]
            assert sum(shown) <= most


async def test_highlights_are_places_in_the_shown_text(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "🙂 Moons orbit; the MOON orbits the Earth.")
    (result,) = await found(tenant, "moon orbit", highlights=True, neighbours=1)
    for shown in (result, result["passage"]):
        words = [shown["content"][begin:end] for begin, end in shown["highlights"]]
        assert words == ["Moons", "orbit", "MOON", "orbits"]
    assert "highlights" not in (await found(tenant, "moon orbit"))[0]
    ones = {"embedding": [1.0] * 256, "highlights": True}
    assert ok(await tenant.post("/search", json=ones))["results"][0]["highlights"] == []


async def test_the_page_of_a_chunk_is_separate_from_the_metadata_of_the_document(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.md", "# Leave\n\n## Sick\n\nSome text.", page=70, title="mine")
    (plain,) = await found(tenant, "text")
    assert (plain["title"], plain["heading"]) == ("Leave", ["Leave", "Sick"])
    assert "page" not in plain
    assert plain["metadata"]["page"] == 70
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            """update chunks set metadata = '{"page": 3, "title": "own"}' where document_id = $1""",
            UUID(document["id"]),
        )
    (result,) = await found(tenant, "text")
    assert (result["page"], result["title"]) == (3, "own")
    assert "heading" not in result


async def test_a_chunk_is_read_with_its_neighbours(tenant: Tenant) -> None:
    document = await tenant.ready_document("comets.txt", COMETS)
    chunks = await tenant.chunks(document["id"])
    chunk = ok(await tenant.get(f"/chunks/{chunks[1]['id']}"))
    assert chunk == {**chunks[1], "filename": "comets.txt"}
    around = ok(await tenant.get(f"/chunks/{chunks[1]['id']}", params={"neighbours": 1}))["passage"]
    assert (around["first_chunk_index"], around["last_chunk_index"]) == (0, 2)
    assert around["content"] == COMETS[: chunks[2]["metadata"]["end"]]
    stranger = await new_tenant(tenant.service)
    for one in (stranger, tenant):
        path = f"/chunks/{chunks[1]['id'] if one is stranger else uuid4()}"
        assert problem(await one.get(path), 404)["detail"] == "there is no such chunk"
    for wrong in (-1, 11, "x"):
        problem(await tenant.get(f"/chunks/{chunks[1]['id']}", params={"neighbours": wrong}), 422, "neighbours")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"neighbours": 11}, "neighbours"),
        ({"neighbours": -1}, "neighbours"),
        ({"group_by": "page"}, "group_by"),
        ({"per_group": 0}, "per_group"),
        ({"per_group": 21}, "per_group"),
        ({"duplicates": "drop"}, "duplicates"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"highlights": "yes"}, "highlights"),
    ],
)
async def test_a_wrong_option_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    problem(await tenant.post("/search", json={"query": "a", **body}), 422, field)
