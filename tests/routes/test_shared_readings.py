"""Readers of a collection, and keys that are limited to it, see only the collection's reading of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, new_tenant
from tests.routes.test_limited_keys import limited_key
from tests.routes.test_readings import LARGE, WORDS, Shelf, new_shelf, static


@dataclass(frozen=True)
class Seen:
    """A file with two readings, and a caller who may read only the one in the collection `visible`."""

    shelf: Shelf
    caller: Tenant
    visible: str
    hidden: str

    @property
    def path(self) -> str:
        return f"/documents/{self.shelf.document_id}"

    async def ids(self, store: str) -> set[str]:
        """The chunks that the owner's search finds in a collection."""
        return {result["chunk_id"] for result in await self.shelf.found(collection_ids=[store])}


async def share(shelf: Shelf, store: str, reader: Tenant) -> None:
    path = f"/collections/{store}/readers/{reader.id}"
    assert (await shelf.tenant.service.call("PUT", path, shelf.tenant.key)).status_code < 300


@pytest_asyncio.fixture(params=["reader", "key"])
async def caller(shelf: Shelf, request: pytest.FixtureRequest) -> Tenant:
    """A caller without access to any collection of the shelf."""
    return await new_tenant(shelf.tenant.service) if request.param == "reader" else shelf.tenant


@pytest_asyncio.fixture
async def shelf(tenant: Tenant) -> Shelf:
    return await new_shelf(tenant)


@pytest_asyncio.fixture(params=["first", "second"])
async def seen(shelf: Shelf, caller: Tenant, request: pytest.FixtureRequest) -> Seen:
    visible, hidden = shelf.first, shelf.second
    if request.param == "second":
        visible, hidden = hidden, visible
    if caller is not shelf.tenant:
        await share(shelf, visible, caller)
        return Seen(shelf, caller, visible, hidden)
    return Seen(shelf, await limited_key(shelf.tenant, visible), visible, hidden)


async def test_the_chunks_of_a_file_are_those_of_the_collection(seen: Seen) -> None:
    listed = await seen.caller.chunks(seen.shelf.document_id)

    assert {chunk["id"] for chunk in listed} == await seen.ids(seen.visible)
    assert {chunk["document_id"] for chunk in listed} == {seen.shelf.document_id}
    opened = ok(await seen.caller.get(f"/chunks/{listed[1]['id']}?neighbours=2"))
    assert (opened["document_id"], opened["content"]) == (seen.shelf.document_id, listed[1]["content"])
    assert set(opened["passage"]["chunk_ids"]) <= {chunk["id"] for chunk in listed}
    for chunk_id in await seen.ids(seen.hidden):
        problem(await seen.caller.get(f"/chunks/{chunk_id}?neighbours=1"), 404)
    page = ok(await seen.caller.get(f"{seen.path}/chunks?limit=2&after=1"))
    assert [chunk["id"] for chunk in page["data"]] == [chunk["id"] for chunk in listed[2:4]]


async def test_the_state_of_a_file_is_that_of_the_reading(seen: Seen) -> None:
    await seen.shelf.value(
        "update documents set status = 'error', error = 'hidden', progress = 0.5"
        " where user_id = $1 and id <> (select document_id from collection_files where user_id = $1"
        " and collection_id = $2) returning id",
        seen.visible,
    )
    document = ok(await seen.caller.get(seen.path))

    count = len(await seen.ids(seen.visible))
    expected = (seen.shelf.document_id, "craters.txt", {"topic": "moon"}, "ready", None, 1.0, count)
    fields = ("id", "filename", "metadata", "status", "error", "progress", "chunk_count")
    assert tuple(document[name] for name in fields) == expected
    assert document["file_size"] == len(WORDS)
    if seen.caller.id == seen.shelf.tenant.id:
        [listed] = ok(await seen.caller.get("/documents"))["data"]
        assert listed == document
        assert ok(await seen.caller.get(f"/v1/files/{seen.shelf.file_id}"))["status"] == "processed"


async def test_the_text_of_a_file_is_whole_in_every_reading(seen: Seen) -> None:
    text = await seen.caller.get(f"{seen.path}/text")
    assert (text.status_code, text.text.split()) == (200, WORDS.split())
    assert (await seen.caller.get(f"{seen.path}/text?offset=700&limit=90")).text == text.text[700:790]
    shown = ok(await seen.caller.get(seen.shelf.path(seen.visible) + "/content"))
    assert shown["data"][0]["text"].split() == WORDS.split()
    assert (await seen.caller.get(seen.shelf.path(seen.hidden) + "/content")).status_code == 404
    assert (await seen.caller.get(f"{seen.path}/content")).text == WORDS


async def test_a_reading_that_is_not_read_hides_the_text(seen: Seen) -> None:
    await seen.shelf.value(
        "with gone as (delete from chunks as k where user_id = $1 and document_id = (select document_id"
        " from collection_files where user_id = $1 and collection_id = $2)) update documents as d"
        " set status = 'processing', chunk_count = 0 from collection_files as f where d.user_id = $1"
        " and f.user_id = $1 and f.collection_id = $2 and f.document_id = d.id returning d.id",
        seen.visible,
    )

    problem(await seen.caller.get(f"{seen.path}/text"), 409)
    assert await seen.caller.chunks(seen.shelf.document_id) == []


async def test_a_reader_of_both_collections_opens_the_chunks_of_both(shelf: Shelf) -> None:
    reader = await new_tenant(shelf.tenant.service)
    for store in (shelf.second, shelf.first):
        await share(shelf, store, reader)
    seen = Seen(shelf, reader, shelf.second, shelf.first)

    listed = {chunk["id"] for chunk in await reader.chunks(shelf.document_id)}

    assert listed == await seen.ids(shelf.second)
    for store in (shelf.first, shelf.second):
        for chunk_id in await seen.ids(store):
            ok(await reader.get(f"/chunks/{chunk_id}"))
    done = await shelf.tenant.delete(f"/collections/{shelf.second}/readers/{reader.id}")
    assert done.status_code < 300
    assert {chunk["id"] for chunk in await reader.chunks(shelf.document_id)} == await seen.ids(shelf.first)


async def test_the_id_of_a_reading_lists_nothing(shelf: Shelf) -> None:
    reading = await shelf.value("select id from documents where user_id = $1 and file_id is not null")

    for path in ("chunks", "text"):
        problem(await shelf.tenant.get(f"/documents/{reading}/{path}"), 404)


def sizes(chunks: list[dict[str, Any]]) -> int:
    return max(int(chunk["token_count"]) for chunk in chunks)


async def test_another_strategy_shows_the_reader_other_chunks(shelf: Shelf) -> None:
    reader = await new_tenant(shelf.tenant.service)
    await share(shelf, shelf.second, reader)
    assert sizes(await reader.chunks(shelf.document_id)) <= LARGE["static"]["max_chunk_size_tokens"]

    await shelf.add(shelf.second, static(200))

    assert 100 < sizes(await reader.chunks(shelf.document_id)) <= 200


async def test_a_key_of_one_collection_deletes_no_file_that_another_has_in_a_reading(shelf: Shelf) -> None:
    path = f"/documents/{shelf.document_id}"
    for store in (shelf.first, shelf.second):
        key = await limited_key(shelf.tenant, store)
        problem(await key.delete(path), 409)
    ok(await shelf.tenant.delete(shelf.path(shelf.first)))

    assert (await key.delete(path)).status_code == 204

    await shelf.swept()
    assert await shelf.readings() == 0
    await shelf.check_totals()


async def test_a_reader_sees_no_reading_after_the_share_is_revoked(shelf: Shelf) -> None:
    reader = await new_tenant(shelf.tenant.service)
    await share(shelf, shelf.second, reader)
    chunk = (await reader.chunks(shelf.document_id))[0]
    assert (await shelf.tenant.delete(f"/collections/{shelf.second}/readers/{reader.id}")).status_code < 300

    for path in (f"/documents/{shelf.document_id}", f"/documents/{shelf.document_id}/chunks", f"/chunks/{chunk['id']}"):
        problem(await reader.get(path), 404)
    for path in ("", "/content"):
        assert (await reader.get(shelf.path(shelf.second) + path)).status_code == 404


async def test_an_owner_lists_the_chunks_of_each_collection(shelf: Shelf) -> None:
    for store in (shelf.first, shelf.second):
        path = f"/collections/{store}/files/{shelf.document_id}/chunks"
        listed = ok(await shelf.tenant.get(f"{path}?limit=100"))["data"]
        found = await shelf.found(collection_ids=[store])
        assert [chunk["chunk_index"] for chunk in listed] == list(range(len(found)))
        assert {chunk["id"] for chunk in listed} == {result["chunk_id"] for result in found}
        assert {chunk["document_id"] for chunk in listed} == {shelf.document_id}
    problem(await shelf.tenant.get(f"/collections/{shelf.first}/files/{shelf.first}/chunks"), 404)
    problem(await shelf.tenant.get(f"/collections/{shelf.document_id}/files/{shelf.document_id}/chunks"), 404)
    ok(await shelf.tenant.delete(shelf.path(shelf.second)))
    problem(await shelf.tenant.get(path), 404)


async def test_the_chunks_of_a_collection_are_listed_by_those_who_reach_it(seen: Seen) -> None:
    path = f"/files/{seen.shelf.document_id}/chunks?limit=100"
    listed = ok(await seen.caller.get(f"/collections/{seen.visible}{path}"))["data"]

    assert {chunk["id"] for chunk in listed} == await seen.ids(seen.visible)
    problem(await seen.caller.get(f"/collections/{seen.hidden}{path}"), 404)


async def test_a_status_in_a_list_is_that_of_the_reading(shelf: Shelf) -> None:
    await shelf.value(
        "update documents set status = 'error', error = 'broken' where user_id = $1 and file_id is not null"
        " returning id"
    )
    in_first, in_second = [await limited_key(shelf.tenant, store) for store in (shelf.first, shelf.second)]

    for caller, there, absent in ((in_first, "ready", "error"), (in_second, "error", "ready")):
        for more in ("", "&sort=filename", f"&ids={shelf.document_id}"):
            page = ok(await caller.get(f"/documents?count=true&status={there}{more}"))
            assert [document["status"] for document in page["data"]] == [there]
            assert page["count"] == 1
            page = ok(await caller.get(f"/documents?count=true&status={absent}{more}"))
            assert (page["data"], page["count"]) == ([], 0)
    assert len(ok(await shelf.tenant.get("/documents?status=ready"))["data"]) == 1
    assert ok(await shelf.tenant.get("/documents?status=error"))["data"] == []
