"""Vector stores with the same file in chunks of different sizes, each with its own reading of the file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.jobs import sweep
from tests.conftest import Service
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, new_tenant

WORDS = " ".join(f"Crater {number} is {number % 7} km deep." for number in range(200))
QUERY = "How deep is a crater?"


def static(size: int, overlap: int = 0) -> dict[str, Any]:
    return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}


LARGE = static(100)


@dataclass(frozen=True)
class Shelf:
    """A user with one file in two vector stores: in default chunks, and in larger chunks in `second`."""

    tenant: Tenant
    document_id: str
    first: str
    second: str

    @property
    def file_id(self) -> str:
        return "file-" + self.document_id.replace("-", "")

    def path(self, store: str) -> str:
        return f"/v1/vector_stores/vs_{store.replace('-', '')}/files/{self.file_id}"

    async def add(self, store: str, strategy: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Add the file to a vector store, and wait until its reading is complete."""
        body = {"file_id": self.file_id, "chunking_strategy": strategy, **fields}
        ok(await self.tenant.post(self.path(store).rpartition("/")[0], json=body))
        return await self.read(store)

    async def read(self, store: str) -> dict[str, Any]:
        """Wait until the file's reading for a vector store is complete."""
        for _ in range(400):
            found = ok(await self.tenant.get(self.path(store)))
            if found["status"] != "in_progress":
                return dict(found)
            await asyncio.sleep(0.05)
        raise AssertionError("the file was not read")

    async def found(self, **options: Any) -> list[dict[str, Any]]:
        """The chunks that a search finds."""
        body = {"query": QUERY, "limit": 100, "duplicates": "keep", **options}
        results: list[dict[str, Any]] = ok(await self.tenant.post("/search", json=body))["results"]
        assert {result["document_id"] for result in results} <= {self.document_id}
        return results

    async def value(self, statement: str, *values: Any) -> Any:
        """A value directly from the tables; $1 is the user."""
        connection = await asyncpg.connect(self.tenant.service.url)
        try:
            return await connection.fetchval(statement, UUID(self.tenant.id), *values)
        finally:
            await connection.close()

    async def readings(self) -> int:
        """The number of additional readings of all files of the user."""
        return int(await self.value("select count(*) from documents where user_id = $1 and file_id is not null"))

    async def swept(self) -> None:
        """Erase the rows of deleted documents."""
        database = self.tenant.service.services.database
        await sweep.sweep_documents(database)
        await sweep.sweep_left_over(database)

    async def check_totals(self) -> None:
        """Check that the totals match the rows, and that no rows of deleted documents remain."""
        counted = await self.value(
            "select array[(select count(*) from chunks where user_id = $1),"
            " (select count(*) from chunk_vectors where user_id = $1),"
            " (select chunk_count from tenant_totals where user_id = $1)]"
        )
        assert len({*counted}) == 1, counted
        held = await self.value(
            "select array[(select count(*) from documents where user_id = $1 and file_id is null),"
            " (select document_count from tenant_totals where user_id = $1),"
            " (select coalesce(sum(file_size), 0)::bigint from documents where user_id = $1 and file_id is null) + 1,"
            " (select byte_count from tenant_totals where user_id = $1) + 1]"
        )
        assert (held[0], held[2]) == (held[1], held[3]), held
        assert await self.value("select count(*) from document_contents where user_id = $1") == await self.value(
            "select count(*) from documents where user_id = $1"
        )


async def new_shelf(tenant: Tenant, words: str = WORDS) -> Shelf:
    document = await tenant.ready_document("craters.txt", words, topic="moon")
    stores = [ok(await tenant.post("/collections", json={"name": str(number)}), 201)["id"] for number in range(2)]
    shelf = Shelf(tenant, document["id"], *stores)
    await shelf.add(shelf.first)
    added = await shelf.add(shelf.second, LARGE)
    assert (added["status"], added["chunking_strategy"]) == ("completed", LARGE)
    return shelf


def most_tokens(results: list[dict[str, Any]]) -> int:
    return max(int(result["token_count"]) for result in results)


@pytest_asyncio.fixture
async def shelf(tenant: Tenant) -> Shelf:
    return await new_shelf(tenant)


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "meaning"}, {"mode": "keyword"}, {"recall": "exact"}, {"mode": "meaning", "recall": "exact"}],
    ids=str,
)
async def test_each_store_finds_its_own_chunks_of_the_file(shelf: Shelf, options: dict[str, Any]) -> None:
    plain = await shelf.found(**options)
    in_first = await shelf.found(collection_ids=[shelf.first], **options)
    in_second = await shelf.found(collection_ids=[shelf.second], **options)

    assert {result["chunk_id"] for result in plain} == {result["chunk_id"] for result in in_first}
    assert len(in_first) > len(in_second) > 10
    assert most_tokens(in_first) < 80 < most_tokens(in_second) <= 100
    assert not {result["chunk_id"] for result in in_second} & {result["chunk_id"] for result in plain}
    filters = {"metadata": {"topic": "moon"}, "document_ids": [shelf.document_id], "collection_ids": [shelf.second]}
    assert len(await shelf.found(**filters, **options)) == len(in_second)
    assert await shelf.found(**{**filters, "document_ids": [shelf.first]}, **options) == []
    assert len(await shelf.found(document_ids=[shelf.document_id], **options)) == len(plain)


async def test_passages_and_chunks_of_a_reading_are_its_own(shelf: Shelf) -> None:
    best = (await shelf.found(collection_ids=[shelf.second], neighbours=1, limit=1))[0]

    chunk = ok(await shelf.tenant.get(f"/chunks/{best['chunk_id']}?neighbours=1"))

    assert (chunk["document_id"], chunk["passage"]["content"]) == (shelf.document_id, best["passage"]["content"])
    assert chunk["passage"]["token_count"] <= 310
    groups = await shelf.found(collection_ids=[shelf.first, shelf.second], group_by="document", per_group=20, limit=5)
    assert len(groups) == 20
    talk = await shelf.tenant.conversation(collection_ids=[shelf.second])
    body = {"role": "assistant", "content": "Deep.", "sources": [best["chunk_id"]]}
    message = ok(await shelf.tenant.post(f"/conversations/{talk['id']}/messages", json=body), 201)["data"][0]
    source = message["sources"][0]
    assert (source["document_id"], source["content"]) == (shelf.document_id, best["content"])
    assert {result["token_count"] <= 100 for result in await shelf.found(conversation_id=talk["id"])} == {True}


async def test_lists_show_the_file_once_and_each_store_its_strategy(shelf: Shelf) -> None:
    tenant = shelf.tenant
    for path in (
        "/documents",
        "/documents?status=ready",
        "/documents?sort=filename",
        f"/documents?collection_ids={shelf.second}",
    ):
        assert [each["id"] for each in ok(await tenant.get(path))["data"]] == [shelf.document_id], path
    assert [each["id"] for each in ok(await tenant.get("/v1/files"))["data"]] == [shelf.file_id]
    [first, second] = [
        ok(await tenant.get(f"/collections/{store}/files"))["data"] for store in (shelf.first, shelf.second)
    ]
    assert [each["document_id"] for each in first + second] == [shelf.document_id] * 2
    assert first[0]["chunk_count"] > second[0]["chunk_count"] > 10
    assert [(await shelf.read(store))["chunking_strategy"]["static"] for store in (shelf.first, shelf.second)] == [
        static(800, 400)["static"], LARGE["static"],
    ]  # fmt: skip
    text = ok(await tenant.get(shelf.path(shelf.second) + "/content"))["data"][0]["text"]
    assert text.split() == WORDS.split()
    await shelf.check_totals()


async def test_stores_with_equal_sizes_share_a_reading(shelf: Shelf) -> None:
    third = ok(await shelf.tenant.post("/collections", json={"name": "3"}), 201)["id"]

    assert (await shelf.add(third, LARGE))["status"] == "completed"

    assert await shelf.readings() == 1
    one, other = [await shelf.found(collection_ids=[store]) for store in (shelf.second, third)]
    assert {each["chunk_id"] for each in one} == {each["chunk_id"] for each in other}
    done(await shelf.tenant.delete(f"/collections/{third}"))
    await shelf.swept()
    assert len(await shelf.found(collection_ids=[shelf.second])) == len(one)


async def test_concurrent_additions_make_one_reading_of_each_size(tenant: Tenant) -> None:
    document = await tenant.ready_document("craters.txt", WORDS)
    stores = [ok(await tenant.post("/collections", json={"name": str(n)}), 201)["id"] for n in range(6)]
    shelf = Shelf(tenant, document["id"], *stores[:2])
    strategies = [LARGE, static(200), LARGE, static(200), LARGE, None]

    added = await asyncio.gather(*(shelf.add(store, each) for store, each in zip(stores, strategies, strict=True)))

    for store, each, strategy in zip(stores, added, strategies, strict=True):
        assert each["status"] == "completed"
        sizes = {result["token_count"] for result in await shelf.found(collection_ids=[store])}
        if strategy is not None:
            assert each["chunking_strategy"] == strategy
            assert max(sizes) <= strategy["static"]["max_chunk_size_tokens"], (strategy, sizes)
            assert max(sizes) > strategy["static"]["max_chunk_size_tokens"] * 0.6
    # One of the three is the main reading of the file.
    assert await shelf.readings() in (1, 2)
    await shelf.check_totals()


async def test_a_store_with_another_strategy_drops_the_reading_that_it_had(shelf: Shelf) -> None:
    kept = await shelf.add(shelf.second, {"type": "auto"}, attributes={"year": 2026})
    assert (kept["chunking_strategy"], kept["attributes"]) == (LARGE, {"year": 2026})

    changed = await shelf.add(shelf.second, static(200, 50))

    assert (changed["chunking_strategy"], changed["attributes"]) == (static(200, 50), {"year": 2026})
    assert 100 < most_tokens(await shelf.found(collection_ids=[shelf.second])) <= 200
    await shelf.swept()
    assert await shelf.readings() == 1
    await shelf.check_totals()


async def test_auto_beside_a_static_store_has_the_chunks_of_the_service(tenant: Tenant) -> None:
    document = await tenant.ready_document("craters.txt", WORDS)
    stores = [ok(await tenant.post("/collections", json={"name": str(number)}), 201)["id"] for number in range(2)]
    shelf = Shelf(tenant, document["id"], *stores)
    await shelf.add(shelf.first, LARGE)
    assert len(await shelf.found()) == len(await shelf.found(collection_ids=[shelf.first])) > 10

    added = await shelf.add(shelf.second, {"type": "auto"})

    assert added["chunking_strategy"] == static(800, 400)
    assert len(await shelf.found(collection_ids=[shelf.second])) == document["chunk_count"]
    # The native API adds the document with its existing chunks.
    third = ok(await tenant.post("/collections", json={"name": "3"}), 201)["id"]
    ok(await tenant.post(f"/collections/{third}/files", json={"document_id": document["id"]}), 201)
    assert len(await shelf.found(collection_ids=[third])) == len(await shelf.found())


async def test_removing_deleting_and_expiring_leave_nothing(shelf: Shelf) -> None:
    ok(await shelf.tenant.delete(shelf.path(shelf.second)))
    assert await shelf.found(collection_ids=[shelf.second]) == []
    await shelf.swept()
    assert await shelf.readings() == 0
    await shelf.check_totals()

    await shelf.add(shelf.second, LARGE)
    done(await shelf.tenant.delete(f"/collections/{shelf.second}"))
    await shelf.swept()
    assert await shelf.readings() == 0
    assert len(await shelf.found()) > 0
    await shelf.check_totals()


@pytest.mark.parametrize("how", ["delete", "delete_many", "dialect", "expire", "user"])
async def test_a_file_takes_its_readings_with_it(shelf: Shelf, how: str) -> None:
    tenant = shelf.tenant
    if how == "delete":
        done(await tenant.delete(f"/documents/{shelf.document_id}"))
    elif how == "delete_many":
        ids = {"document_ids": [shelf.document_id]}
        assert ok(await tenant.post("/documents/delete", json=ids))["deleted"] == 1
    elif how == "dialect":
        ok(await tenant.delete(f"/v1/files/{shelf.file_id}"))
    elif how == "expire":
        await shelf.value(
            "update documents set expires_at = now() - interval '1 s'"
            " where user_id = $1 and file_id is null returning id"
        )
        await sweep.sweep_documents(tenant.service.services.database)
    else:
        ok(await tenant.service.call("DELETE", f"/users/{tenant.id}"))

    assert await shelf.readings() == 0
    if how != "user":
        assert await shelf.found(collection_ids=[shelf.second]) == []
        assert ok(await tenant.get(f"/collections/{shelf.second}/files"))["data"] == []
        await shelf.swept()
        await shelf.check_totals()
    assert await shelf.value("select count(*) from chunks where user_id = $1") == 0


async def replaced(shelf: Shelf) -> Shelf:
    """Replace the file by another one of its name, and wait until it is read for both vector stores."""
    other = WORDS.replace("Crater", "Valley")
    body = {"filename": "craters.txt", "content": other, "on_conflict": "replace"}
    new = ok(await shelf.tenant.post("/documents", json=body), 202)
    await shelf.tenant.ended(new["id"])
    found = Shelf(shelf.tenant, new["id"], shelf.first, shelf.second)
    for store in (shelf.first, shelf.second):
        assert (await found.read(store))["status"] == "completed"
        assert all("Valley" in result["content"] for result in await found.found(collection_ids=[store]))
    return found


async def test_a_file_that_replaces_another_has_the_chunks_of_each_store(shelf: Shelf) -> None:
    before = [await shelf.read(store) for store in (shelf.first, shelf.second)]
    ok(await shelf.tenant.post(shelf.path(shelf.second), json={"attributes": {"year": 1969}}))

    # Once more: now the file that is replaced is itself one that replaced another.
    for _ in range(2):
        shelf = await replaced(shelf)

    after = [await shelf.read(store) for store in (shelf.first, shelf.second)]
    assert [file["chunking_strategy"] for file in after] == [file["chunking_strategy"] for file in before]
    assert after[1]["attributes"] == {"year": 1969}
    first, second = [await shelf.found(collection_ids=[store]) for store in (shelf.first, shelf.second)]
    assert most_tokens(first) < 80 < most_tokens(second) <= 100
    await shelf.swept()
    assert await shelf.readings() == 1
    await shelf.check_totals()


async def test_the_chunks_of_a_file_in_one_store_are_those_of_the_file_that_replaces_it(tenant: Tenant) -> None:
    document = await tenant.ready_document("craters.txt", WORDS)
    store = ok(await tenant.post("/collections", json={}), 201)["id"]
    shelf = Shelf(tenant, document["id"], store, store)
    await shelf.add(store, LARGE)

    shelf = await replaced(shelf)

    assert (await shelf.read(store))["chunking_strategy"] == LARGE
    assert 80 < most_tokens(await shelf.found()) <= 100
    assert await shelf.readings() == 0


async def test_chunks_of_the_client_replace_a_file_of_several_readings(shelf: Shelf) -> None:
    body = {
        "filename": "craters.txt",
        "chunks": [{"content": "The crater is full of dust."}],
        "on_conflict": "replace",
    }
    new = ok(await shelf.tenant.post("/documents", json=body), 202)
    await shelf.tenant.ended(new["id"])

    for store in (shelf.first, shelf.second):
        found = ok(await shelf.tenant.post("/search", json={"query": QUERY, "collection_ids": [store]}))["results"]
        assert [result["document_id"] for result in found] == [new["id"]]
    await shelf.swept()
    assert await shelf.readings() == 0
    await shelf.check_totals()


async def test_changes_of_the_file_are_those_of_its_readings(shelf: Shelf) -> None:
    tenant, path = shelf.tenant, f"/documents/{shelf.document_id}"
    ok(await tenant.patch(path, json={"filename": "holes.txt", "metadata": {"topic": "holes"}}))
    ok(await tenant.post("/documents/metadata", json={"document_ids": [shelf.document_id], "patch": {"year": 1969}}))

    found = await shelf.found(collection_ids=[shelf.second], metadata={"topic": "holes"})

    assert found[0]["filename"] == "holes.txt"
    assert (found[0]["metadata"]["topic"], found[0]["metadata"]["year"]) == ("holes", 1969)
    headers = {"content-type": "application/octet-stream"}
    other = WORDS.replace("Crater", "Valley").encode()
    ok(await tenant.service.call("PUT", f"{path}/content", tenant.key, content=other, headers=headers), 202)
    await tenant.ended(shelf.document_id)
    assert (await shelf.read(shelf.second))["status"] == "completed"
    for store in (shelf.first, shelf.second):
        assert all("Valley" in result["content"] for result in await shelf.found(collection_ids=[store]))
    await shelf.check_totals()


async def test_a_transferred_file_leaves_its_readings_behind(shelf: Shelf) -> None:
    receiver = await new_tenant(shelf.tenant.service)
    body = {"document_ids": [shelf.document_id], "to_user": receiver.id}
    headers = {"Cabinet-User": shelf.tenant.id}

    given = ok(await shelf.tenant.service.call("POST", "/documents/transfer", json=body, headers=headers))

    assert given["documents"] == 1
    await shelf.swept()
    await shelf.check_totals()
    assert await shelf.readings() == 0
    theirs = Shelf(receiver, shelf.document_id, shelf.first, shelf.second)
    await theirs.check_totals()
    assert len(await theirs.found()) == given["chunks"]


async def test_a_reader_finds_opens_and_cites_the_chunks_of_a_reading(shelf: Shelf) -> None:
    reader = await new_tenant(shelf.tenant.service)
    done_or_ok = await shelf.tenant.service.call(
        "PUT", f"/collections/{shelf.second}/readers/{reader.id}", shelf.tenant.key
    )
    assert done_or_ok.status_code < 300, done_or_ok.text
    theirs = Shelf(reader, shelf.document_id, shelf.first, shelf.second)

    found = await theirs.found(collection_ids=[shelf.second])

    assert len(found) == len(await shelf.found(collection_ids=[shelf.second])) > 10
    chunk = ok(await reader.get(f"/chunks/{found[0]['chunk_id']}"))
    assert (chunk["document_id"], chunk["content"]) == (shelf.document_id, found[0]["content"])
    assert ok(await reader.get(f"/documents/{shelf.document_id}"))["id"] == shelf.document_id
    assert ok(await reader.get(shelf.path(shelf.second) + "/content"))["data"][0]["text"].split() == WORDS.split()
    talk = await reader.conversation(collection_ids=[shelf.second])
    body = {"role": "assistant", "content": "Deep.", "sources": [found[0]["chunk_id"]]}
    message = ok(await reader.post(f"/conversations/{talk['id']}/messages", json=body), 201)["data"][0]
    assert message["sources"][0]["document_id"] == shelf.document_id
    own = (await shelf.found())[0]
    problem(await reader.get(f"/chunks/{own['chunk_id']}"), 404)


async def test_a_file_has_not_too_many_readings(tenant: Tenant) -> None:
    document = await tenant.ready_document("short.txt", "The Moon is far away.")
    stores = [ok(await tenant.post("/collections", json={"name": str(n)}), 201)["id"] for n in range(18)]
    shelf = Shelf(tenant, document["id"], *stores[:2])
    for number, store in enumerate(stores[:17]):
        await shelf.add(store, static(100 + number) if number else None)

    body = {"file_id": shelf.file_id, "chunking_strategy": static(500)}
    refused = await tenant.post(shelf.path(stores[17]).rpartition("/")[0], json=body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "chunking_conflict")
    assert (await shelf.add(stores[17], static(116)))["status"] == "completed"
    done(await tenant.delete(f"/documents/{document['id']}"))
    await shelf.swept()
    await shelf.check_totals()


async def test_the_ids_of_readings_reach_nothing(shelf: Shelf) -> None:
    reading = await shelf.value("select id from documents where user_id = $1 and file_id is not null")

    for path in ("", "/content"):
        problem(await shelf.tenant.get(f"/documents/{reading}{path}"), 404)
    problem(await shelf.tenant.delete(f"/documents/{reading}"), 404)
    problem(await shelf.tenant.patch(f"/documents/{reading}", json={"filename": "a.txt"}), 404)
    assert await shelf.readings() == 1


async def test_the_file_of_a_new_reading_is_deleted_meanwhile(service: Service) -> None:
    # The row of the reading is deleted with the file; the worker finds the record for its bytes.
    tenant = await new_tenant(service)
    shelf = await new_shelf(tenant)
    await shelf.value("delete from documents where user_id = $1 and file_id is null returning id")
    await shelf.value(
        "insert into ingestion_jobs (user_id, document_id, attempt) select user_id, document_id, 9 from"
        " document_contents where user_id = $1 and removed_at = 'infinity' returning document_id"
    )
    for _ in range(200):
        left = await shelf.value(
            "select count(*) from document_contents where user_id = $1 and removed_at = 'infinity'"
        )
        if not left:
            break
        await asyncio.sleep(0.05)
    assert left == 0


async def test_a_reading_that_was_not_begun_is_read_when_it_is_added_again(shelf: Shelf) -> None:
    # The state after the cancellation of its batch.
    await shelf.value(
        "with gone as (delete from chunks where user_id = $1 and document_id in"
        " (select id from documents where user_id = $1 and file_id is not null))"
        " update documents set status = 'stored', chunk_count = 0 where user_id = $1 and file_id is not null"
        " returning id"
    )

    assert (await shelf.add(shelf.second, LARGE))["status"] == "completed"

    assert len(await shelf.found(collection_ids=[shelf.second])) > 10
    assert await shelf.readings() == 1


@pytest.mark.parametrize("how", ["one", "ids", "all", "collection", "both"])
async def test_a_failed_reading_is_retried_with_its_file(shelf: Shelf, how: str) -> None:
    tenant, failed = shelf.tenant, "file_id is not null" if how != "both" else "true"
    await shelf.value(
        "with gone as (delete from chunks where user_id = $1 and document_id in"
        f" (select id from documents where user_id = $1 and {failed}))"
        f" update documents set status = 'error', error = 'broken', chunk_count = 0 where user_id = $1 and {failed}"
        " returning id"
    )
    assert (await shelf.read(shelf.second))["status"] == "failed"

    if how in ("one", "both"):
        retried = ok(await tenant.post(f"/documents/{shelf.document_id}/retry"), 202)
        assert (retried["id"], retried["error"]) == (shelf.document_id, None)
        assert retried["status"] == ("ready" if how == "one" else "processing")
    else:
        body: dict[str, Any] = {"all": True}
        if how == "ids":
            body = {"document_ids": [shelf.document_id]}
        elif how == "collection":
            body = {"collection_ids": [shelf.second]}
        assert ok(await tenant.post("/documents/retry", json=body), 202)["queued"] == 1

    assert (await shelf.read(shelf.second))["status"] == "completed"
    assert len(await shelf.found(collection_ids=[shelf.second])) > 10
    await tenant.ended(shelf.document_id)
    assert len(await shelf.found()) > 10
    problem(await tenant.post(f"/documents/{shelf.document_id}/retry"), 409)
    reading = await shelf.value("select id from documents where user_id = $1 and file_id is not null")
    problem(await tenant.post(f"/documents/{reading}/retry"), 404)
