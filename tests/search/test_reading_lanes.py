"""Every lane finds the chunks of the collections' readings, and without collections those of the main reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from svc.search import lanes
from tests.conftest import Service, test_settings
from tests.routes.answers import ok
from tests.routes.tenants import new_tenant, shared_service
from tests.routes.test_readings import QUERY, Shelf, new_shelf
from tests.search.test_lanes import NO_OTHER_PLAN, give_indexes

LONG = " ".join(f"Crater {number} is {number % 7} km deep." for number in range(1500))
LIMIT, MOST = 20, 100
SEARCHES = [
    ("exact", {"mode": "meaning", "recall": "exact"}),
    ("exact", {"mode": "hybrid", "recall": "exact"}),
    ("exact", {"mode": "meaning", "metric": "l2"}),
    ("bits", {"mode": "meaning"}),
    ("bits", {"mode": "hybrid"}),
    ("index", {"mode": "meaning"}),
    ("index", {"mode": "hybrid"}),
    (None, {"mode": "keyword"}),
    (None, {"mode": "keyword", "recall": "exact"}),
]


@pytest_asyncio.fixture(scope="module")
async def approximate(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service on which every tenant counts as large; with few rows, only these settings choose the indexes."""
    settings = test_settings(exact_max_rows=0, key_cache_s=0)
    async with shared_service(server, template, "reading_lanes", settings, **NO_OTHER_PLAN) as service:
        yield service


@pytest_asyncio.fixture(scope="module")
async def indexed(approximate: Service) -> Shelf:
    """A tenant with an own index."""
    shelf = await new_shelf(await new_tenant(approximate), LONG)
    await give_indexes(approximate)
    return shelf


@pytest_asyncio.fixture(scope="module")
async def plain(approximate: Service, indexed: Shelf) -> Shelf:
    """A tenant without an index."""
    return await new_shelf(await new_tenant(approximate), LONG)


async def held(shelf: Shelf) -> dict[str, set[str]]:
    """The chunks of each collection, directly from the tables."""
    rows = {}
    for store in (shelf.first, shelf.second):
        rows[store] = await shelf.value(
            "select array_agg(k.id::text) from collection_files as f join chunks as k on k.user_id = f.user_id"
            " and k.document_id = f.document_id where f.user_id = $1 and f.collection_id = $2",
            store,
        )
    return {store: set(ids) for store, ids in rows.items()}


async def search(shelf: Shelf, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = ok(
        await shelf.tenant.post("/search", json={"query": QUERY, "limit": LIMIT, "duplicates": "keep", **body})
    )
    return found


def ids_of(found: dict[str, Any]) -> set[str]:
    counts = Counter(result["chunk_id"] for result in found["results"])
    assert set(counts.values()) <= {1}, "a chunk was found twice"
    return set(counts)


@pytest.mark.parametrize("is_filtered_by_index", [False, True])
@pytest.mark.parametrize(("lane", "options"), SEARCHES, ids=str)
async def test_each_lane_finds_the_readings_of_the_collections(
    indexed: Shelf,
    plain: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    lane: str | None,
    options: dict[str, Any],
    is_filtered_by_index: bool,
) -> None:
    if is_filtered_by_index:
        monkeypatch.setattr(lanes, "_FILTERED_MIN_ROWS", 1)
        monkeypatch.setattr(lanes, "_FILTERED_MIN_SHARE", 0)
    shelf = indexed if lane == "index" else plain
    chunks = await held(shelf)
    assert not chunks[shelf.first] & chunks[shelf.second]

    unnamed = await search(shelf, **options)
    assert ids_of(unnamed) <= chunks[shelf.first]
    assert len(unnamed["results"]) == LIMIT
    if lane is not None:
        assert unnamed["lane"] == lane
    for store in (shelf.first, shelf.second):
        found = await search(shelf, collection_ids=[store], **options)
        assert ids_of(found) <= chunks[store]
        assert len(found["results"]) == LIMIT
        if lane == "index" and is_filtered_by_index and options["mode"] == "meaning":
            assert found["lane"] == "index"
        whole = await search(shelf, collection_ids=[store], **{**options, "limit": MOST})
        assert ids_of(whole) <= chunks[store]
        assert len(whole["results"]) == min(MOST, len(chunks[store]))
    both = await search(shelf, collection_ids=[shelf.first, shelf.second], **{**options, "limit": MOST})
    assert ids_of(both) <= chunks[shelf.first] | chunks[shelf.second]
    assert len(both["results"]) == MOST
    if options["mode"] == "meaning":
        assert ids_of(both) & chunks[shelf.second]
    assert ids_of(await search(shelf, **{**options, "limit": MOST})) <= chunks[shelf.first]
    by_metadata = await search(shelf, metadata={"topic": "moon"}, **{**options, "limit": MOST})
    assert ids_of(by_metadata) <= chunks[shelf.first]
    assert len(by_metadata["results"]) == MOST


@pytest.mark.parametrize("lane", ["bits", "index"])
async def test_groups_passages_and_folds_stay_within_a_reading(indexed: Shelf, plain: Shelf, lane: str) -> None:
    shelf = indexed if lane == "index" else plain
    chunks = await held(shelf)
    for named, store in (({}, shelf.first), ({"collection_ids": [shelf.second]}, shelf.second)):
        for options in ({"neighbours": 2}, {"group_by": "document", "per_group": 5}, {"duplicates": "fold"}):
            found = (await search(shelf, **named, **options))["results"]
            assert found
            assert {result["chunk_id"] for result in found} <= chunks[store]
            assert {result["document_id"] for result in found} == {shelf.document_id}
            for result in found:
                passage = result.get("passage")
                if passage:
                    assert set(passage["chunk_ids"]) <= chunks[store]
                    assert " ".join(result["content"].split()) in " ".join(passage["content"].split())
    # Equal texts of the two readings are folded, but never those within one reading.
    both = {"collection_ids": [shelf.first, shelf.second], "limit": MOST}
    kept = (await search(shelf, **both))["results"]
    folded = (await search(shelf, **both, duplicates="fold"))["results"]
    assert len({result["content"] for result in kept}) == len(folded)
    assert sum(result["duplicates"] for result in folded) == len(kept) - len(folded)


@pytest.mark.parametrize("lane", ["bits", "index"])
@pytest.mark.parametrize("mode", ["meaning", "hybrid", "keyword"])
async def test_turns_and_citations_of_a_bound_conversation_are_of_its_reading(
    indexed: Shelf, plain: Shelf, lane: str, mode: str
) -> None:
    shelf = indexed if lane == "index" else plain
    chunks = await held(shelf)
    for bound, store in (([shelf.second], shelf.second), ([shelf.first], shelf.first), ([], shelf.first)):
        talk = await shelf.tenant.conversation(collection_ids=bound)
        path = f"/conversations/{talk['id']}"
        found = await search(shelf, conversation_id=talk["id"], mode=mode)
        assert ids_of(found) <= chunks[store]
        body = {"query": QUERY, "token_budget": 4000, "search": {"mode": mode}}
        turn = ok(await shelf.tenant.post(f"{path}/turn", json=body))
        assert turn["chunks"]
        assert {chunk["chunk_id"] for chunk in turn["chunks"]} <= chunks[store]
        cited = [chunk["chunk_id"] for chunk in turn["chunks"][:2]]
        said = {"role": "assistant", "content": "Deep.", "sources": cited}
        ok(await shelf.tenant.post(f"{path}/messages", json=said), 201)
        [message] = ok(await shelf.tenant.get(f"{path}/messages"))["data"]
        assert [source["chunk_id"] for source in message["sources"]] == cited
        assert {source["document_id"] for source in message["sources"]} == {shelf.document_id}
        again = ok(await shelf.tenant.post(f"{path}/turn", json=body))
        assert not {chunk["chunk_id"] for chunk in again["chunks"]} & set(cited)
