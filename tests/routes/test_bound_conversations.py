"""Conversations that are limited to collections, and the results of their searches and turns."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from svc.routes import chunk_search
from svc.routes.searched_collections import find_bound
from svc.search.lanes import TenantSize
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, rows_of
from tests.routes.test_collections import MODES, added, found, made
from tests.routes.test_collections import documents as uploaded
from tests.routes.test_readers import share, unshare


async def turned(tenant: Tenant, conversation: str, **search: Any) -> list[str]:
    """Return the documents that a turn of the conversation finds."""
    body = {"query": "the tide", "search": search}
    return [
        each["document_id"]
        for each in ok(await tenant.post(f"/conversations/{conversation}/turn", json=body))["chunks"]
    ]


async def both(tenant: Tenant, conversation: str, **search: Any) -> set[str]:
    """Return the documents that searches and turns of the conversation find, which must be the same."""
    searched = set(await found(tenant, conversation_id=conversation, **search))
    assert set(await turned(tenant, conversation, **search)) == searched
    assert set(await turned(tenant, conversation, conversation_id=conversation, **search)) == searched
    return searched


async def test_a_conversation_is_bound_and_unbound(tenant: Tenant) -> None:
    one, two = sorted([await made(tenant), await made(tenant)])
    created = await tenant.conversation(title="Tide", collection_ids=[two, one, two.upper()])
    path = f"/conversations/{created['id']}"
    assert created["collection_ids"] == [one, two]
    assert (await tenant.conversation())["collection_ids"] == []

    async def shown() -> dict[str, Any]:
        """Return the conversation, which every route must show identically."""
        read = dict(ok(await tenant.get(path)))
        for params in ({}, {"ids": created["id"]}, {"recent": 1}):
            listed = ok(await tenant.get("/conversations", params=params))["data"]
            (same,) = [each for each in listed if each["id"] == created["id"]]
            assert same["collection_ids"] == read["collection_ids"]
        return read

    assert await shown() == created
    changes: list[tuple[dict[str, Any], list[str]]] = [
        ({"title": "Sea"}, [one, two]), ({"collection_ids": [one, one]}, [one]), ({"document_ids": []}, [one]),
        ({"collection_ids": []}, []), ({"collection_ids": [two], "document_ids": []}, [two]),
    ]  # fmt: skip
    for change, bound in changes:
        assert ok(await tenant.patch(path, json=change))["collection_ids"] == bound
        assert (await shown())["collection_ids"] == bound


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
@pytest.mark.parametrize("lane", ["exact", "bits", "index"])
async def test_a_bound_conversation_finds_only_what_is_in_its_collections(
    tenant: Tenant, mode: dict[str, Any], lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lane != "exact":
        monkeypatch.setattr(chunk_search, "TenantSize", lambda _count, _has_index: TenantSize(10**6, lane == "index"))
    spring, autumn, winter = await uploaded(tenant, "The tide of spring.", "The tide of autumn.", "The tide of winter.")
    one, two = await made(tenant), await made(tenant)
    await added(tenant, one, spring, year=2020)
    await added(tenant, one, winter, year=2024)
    await added(tenant, two, autumn, year=2024)
    bound = (await tenant.conversation(collection_ids=[one]))["id"]
    assert await both(tenant, bound, **mode) == {spring, winter}
    assert await both(tenant, bound, **mode, document_ids=[spring, autumn]) == {spring}
    newer = {"type": "gte", "key": "year", "value": 2021}
    assert await both(tenant, bound, **mode, attribute_filter=newer) == {winter}
    # Collections in the request can only limit the search further.
    assert await both(tenant, bound, **mode, collection_ids=[one, two]) == {spring, winter}
    assert await both(tenant, bound, **mode, collection_ids=[two]) == set()
    assert await both(tenant, bound, **mode, collection_ids=[]) == set()

    done(await tenant.delete(f"/collections/{one}"))
    assert await both(tenant, bound, **mode) == set()
    assert await both(tenant, bound, **mode, collection_ids=[two]) == set()
    assert ok(await tenant.get(f"/conversations/{bound}"))["collection_ids"] == [one]


async def test_with_documents_too_a_chunk_must_be_in_both(tenant: Tenant) -> None:
    inside, named, neither = await uploaded(tenant, "The tide of spring.", "The tide of autumn.", "The tide of winter.")
    collection = await made(tenant)
    for document in (inside, named):
        await added(tenant, collection, document)
    bound = (await tenant.conversation(collection_ids=[collection], document_ids=[named, neither]))["id"]
    assert await found(tenant, conversation_id=bound) == [named]
    assert await turned(tenant, bound, conversation_id=bound) == [named]
    # A turn is limited to the documents only if it names the conversation.
    assert set(await turned(tenant, bound)) == {inside, named}
    ok(await tenant.patch(f"/conversations/{bound}", json={"collection_ids": []}))
    assert set(await found(tenant, conversation_id=bound)) == {named, neither}
    ok(await tenant.patch(f"/conversations/{bound}", json={"document_ids": []}))
    assert await found(tenant, conversation_id=bound) == []
    assert set(await turned(tenant, bound)) == {inside, named, neither}
    problem(await tenant.post("/search", json={"query": "tide", "conversation_id": bound, "attribute_filter": {
        "type": "eq", "key": "a", "value": 1}}), 422, "collection_ids")  # fmt: skip


async def test_the_remaining_collections_are_searched(tenant: Tenant) -> None:
    spring, autumn, _ = await uploaded(tenant, "The tide of spring.", "The tide of autumn.", "The tide of winter.")
    one, two = await made(tenant), await made(tenant)
    await added(tenant, one, spring)
    await added(tenant, two, autumn)
    bound = (await tenant.conversation(collection_ids=[one, two]))["id"]
    assert await both(tenant, bound) == {spring, autumn}
    done(await tenant.delete(f"/collections/{one}"))
    assert await both(tenant, bound) == {autumn}
    ok(await tenant.patch(f"/collections/{two}", json={"expires_after_s": 3600}))
    async with direct_connection(tenant.service) as connection:
        await connection.execute("update collections set expires_at = now() - interval '1 s' where id = $1", UUID(two))
    assert await both(tenant, bound) == set()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
async def test_a_revoked_share_finds_nothing(tenant: Tenant, other: Tenant, mode: dict[str, Any]) -> None:
    theirs, hidden = await uploaded(tenant, "The tide of spring.", "The tide of autumn.")
    (own,) = await uploaded(other, "The tide of winter.")
    one, two = await made(tenant), await made(tenant)
    await added(tenant, one, theirs)
    await added(tenant, two, theirs)
    for collection in (one, two):
        await share(tenant, collection, other)
    bound = (await other.conversation(collection_ids=[one, two]))["id"]
    assert await both(other, bound, **mode) == {theirs}
    await unshare(tenant, one, other)
    assert await both(other, bound, **mode) == {theirs}
    problem(await other.post("/conversations", json={"collection_ids": [one]}), 422, "collection_ids")
    await unshare(tenant, two, other)
    await added(tenant, two, hidden)
    assert await both(other, bound, **mode) == set()
    assert await both(other, bound, **mode, document_ids=[own]) == set()
    assert await found(other, **mode) == [own]
    await share(tenant, two, other)
    assert await both(other, bound, **mode) == {theirs, hidden}


async def test_a_share_that_is_revoked_during_a_search(
    tenant: Tenant, other: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theirs,) = await uploaded(tenant, "The tide of spring.")
    collection = await made(tenant)
    await added(tenant, collection, theirs)
    await share(tenant, collection, other)
    bound = (await other.conversation(collection_ids=[collection]))["id"]

    async def taken_back(*arguments: Any) -> Any:
        result = await find_bound(*arguments)
        await unshare(tenant, collection, other)
        return result

    monkeypatch.setattr("svc.routes.search_preparation.find_bound", taken_back)
    answer = await other.post("/search", json={"query": "the tide", "conversation_id": bound})
    assert problem(answer, 503)["detail"].startswith("a collection that is shared with you has changed")
    assert answer.headers["Retry-After"] == "1"
    monkeypatch.undo()
    assert await both(other, bound) == set()


@pytest.mark.parametrize("kind", ["another tenant's", "never there", "deleted", "mixed"])
async def test_only_collections_that_can_be_searched_are_bound(tenant: Tenant, other: Tenant, kind: str) -> None:
    own, wrong = await made(tenant), str(uuid4())
    if kind != "never there":
        wrong = await made(tenant if kind == "deleted" else other)
    if kind == "deleted":
        done(await tenant.delete(f"/collections/{wrong}"))
    if kind == "mixed":
        await share(other, wrong, tenant)
    refused = [
        await tenant.post("/search", json={"query": "tide", "collection_ids": [own, wrong]}),
        await tenant.post("/conversations", json={"collection_ids": [own, wrong]}),
        await tenant.post("/conversations", json={"collection_ids": [own, wrong]}, headers={"Idempotency-Key": "a"}),
    ]
    bound = await tenant.conversation(title="before", collection_ids=[own])
    path = f"/conversations/{bound['id']}"
    refused.append(await tenant.patch(path, json={"title": "after", "collection_ids": [own, wrong]}))
    (same,) = {problem(answer, 422, "collection_ids")["detail"] for answer in refused}
    assert ("several owners" in same) == (kind == "mixed")
    assert ok(await tenant.get(path)) == bound
    assert (await rows_of(tenant.service, tenant.id))["conversations"] == 1


async def test_a_repeated_request_is_answered_after_the_collection_is_deleted(tenant: Tenant) -> None:
    collection = await made(tenant)
    request: dict[str, Any] = {"json": {"collection_ids": [collection]}, "headers": {"Idempotency-Key": "bound"}}
    created = ok(await tenant.post("/conversations", **request), 201)
    done(await tenant.delete(f"/collections/{collection}"))
    assert ok(await tenant.post("/conversations", **request), 201) == created


WRONG: list[tuple[Any, str]] = [
    ("all", "collection_ids"),
    (None, "collection_ids"),
    (["no-uuid"], "collection_ids[0]"),
    ([str(UUID(int=number)) for number in range(101)], "collection_ids"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG, ids=str)
async def test_an_invalid_list_of_collections_is_refused(tenant: Tenant, wrong: Any, field: str) -> None:
    path = f"/conversations/{(await tenant.conversation())['id']}"
    for answer in (
        await tenant.post("/conversations", json={"collection_ids": wrong}),
        await tenant.patch(path, json={"collection_ids": wrong}),
    ):
        assert problem(answer, 422, field)["detail"].startswith(f"{field} must be")


async def test_as_many_collections_as_a_search_takes(tenant: Tenant) -> None:
    hundred = sorted([await made(tenant) for _ in range(100)])
    bound = await tenant.conversation(collection_ids=hundred)
    assert bound["collection_ids"] == hundred
    assert await both(tenant, bound["id"]) == set()
