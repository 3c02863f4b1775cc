"""Collections of documents over HTTP: their files, batches, counts and searches."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from svc import batches
from svc.jobs import sweep
from svc.routes import chunk_search, collections
from svc.search.lanes import TenantSize
from tests.conftest import Service
from tests.routes.answers import ok, statements
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_left

MODES: list[dict[str, Any]] = [{"mode": "keyword"}, {"mode": "meaning"}, {"mode": "hybrid"}]


async def made(tenant: Tenant, **fields: Any) -> str:
    """Create a collection and return its id."""
    response = await tenant.post("/collections", json=fields)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def added(tenant: Tenant, collection: str, document: str, **attributes: Any) -> dict[str, Any]:
    """Add a document to a collection, and return the answer."""
    body = {"document_id": document, **({"attributes": attributes} if attributes else {})}
    response = await tenant.post(f"/collections/{collection}/files", json=body)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def documents(tenant: Tenant, *texts: str) -> list[str]:
    """Upload texts, wait until they are ready, and return their ids."""
    return [(await tenant.ready_document(f"{n}.txt", text))["id"] for n, text in enumerate(texts)]


async def found(tenant: Tenant, **body: Any) -> list[str]:
    """Return the documents that a search for the tide finds."""
    answer = ok(await tenant.post("/search", json={"query": "the tide", **body}))
    return [result["document_id"] for result in answer["results"]]


async def test_a_collection_is_created_read_changed_and_deleted(tenant: Tenant) -> None:
    (document,) = await documents(tenant, "The tide comes twice a day.")
    fields = {"name": "Sea", "description": "About it", "metadata": {"shelf": 1}, "expires_after_s": 3600}
    collection = await made(tenant, **fields)
    await added(tenant, collection, document, year=2026)
    read = ok(await tenant.get(f"/collections/{collection}"))
    assert {name: read[name] for name in fields} == fields
    counts = {"processing": 0, "ready": 1, "error": 0, "cancelled": 0, "total": 1, "is_exact": True}
    assert (read["status"], read["file_counts"], read["file_bytes"]) == ("active", counts, 27)

    changed = ok(await tenant.patch(f"/collections/{collection}", json={"name": None, "expires_after_s": None}))
    assert (changed["name"], changed["description"], changed["expires_at"]) == (None, "About it", None)

    assert (await tenant.delete(f"/collections/{collection}")).status_code == 204
    assert (await tenant.get(f"/collections/{collection}")).status_code == 404
    assert (await tenant.delete(f"/collections/{collection}")).status_code == 404
    assert ok(await tenant.get(f"/documents/{document}"))["status"] == "ready"
    assert set(await rows_left(tenant.service, tenant.id)) & {"collections", "collection_files"} == set()


async def test_collections_are_listed_in_pages(tenant: Tenant) -> None:
    made_ = [await made(tenant, name=str(number)) for number in range(5)]
    listed: list[str] = []
    after: str | None = None
    while True:
        page = ok(await tenant.get("/collections", params={"limit": 2, **({"after": after} if after else {})}))
        listed += [each["id"] for each in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert listed == made_[::-1]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
@pytest.mark.parametrize("lane", ["exact", "bits", "index"])
async def test_a_search_is_limited_to_collections(
    tenant: Tenant, mode: dict[str, Any], lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lane != "exact":
        monkeypatch.setattr(chunk_search, "TenantSize", lambda _count, _has_index: TenantSize(10**6, lane == "index"))
    inside, outside, both = await documents(tenant, "The tide of spring.", "The tide of autumn.", "The tide of winter.")
    one, two = await made(tenant), await made(tenant)
    await added(tenant, one, inside, year=2020, kind="log")
    await added(tenant, one, both, year=2024)
    await added(tenant, two, both, year=1999)
    assert set(await found(tenant, **mode)) == {inside, outside, both}
    assert set(await found(tenant, **mode, collection_ids=[one])) == {inside, both}
    assert set(await found(tenant, **mode, collection_ids=[two])) == {both}
    assert set(await found(tenant, **mode, collection_ids=[one, two])) == {inside, both}
    assert await found(tenant, **mode, collection_ids=[await made(tenant)]) == []
    newer = {"type": "gte", "key": "year", "value": 2021}
    assert await found(tenant, **mode, collection_ids=[one], attribute_filter=newer) == [both]
    assert await found(tenant, **mode, collection_ids=[two], attribute_filter=newer) == []
    no_log = {"type": "ne", "key": "kind", "value": "log"}
    assert await found(tenant, **mode, collection_ids=[one], attribute_filter=no_log) == [both]
    assert await found(tenant, **mode, collection_ids=[one], document_ids=[inside]) == [inside]


async def test_files_that_left_a_collection_are_not_found_in_it(tenant: Tenant) -> None:
    kept, detached, deleted = await documents(tenant, "The tide is low.", "The tide is high.", "The tide turns.")
    collection = await made(tenant)
    for document in (kept, detached, deleted):
        await added(tenant, collection, document)
    assert (await tenant.delete(f"/collections/{collection}/files/{detached}")).status_code == 204
    assert (await tenant.delete(f"/documents/{deleted}")).status_code == 204
    for mode in MODES:
        assert await found(tenant, **mode, collection_ids=[collection]) == [kept]
    assert (await tenant.get(f"/collections/{collection}/files/{detached}")).status_code == 404
    assert (await tenant.delete(f"/collections/{collection}/files/{detached}")).status_code == 404
    assert ok(await tenant.get(f"/collections/{collection}"))["file_counts"]["total"] == 1
    assert detached in await found(tenant)
    again = await added(tenant, collection, detached, year=3)
    assert (again["attributes"], again["status"]) == ({"year": 3}, "ready")
    assert set(await found(tenant, collection_ids=[collection])) == {kept, detached}


async def test_files_are_listed_in_the_order_of_their_adding_and_after_one_that_left(tenant: Tenant) -> None:
    first, second, third, fourth = await documents(tenant, "One.", "Two.", "Three.", "Four.")
    collection = await made(tenant)
    order = [third, first, fourth, second]
    for document in order:
        await added(tenant, collection, document)
    path = f"/collections/{collection}/files"

    async def listed(**params: Any) -> list[str]:
        return [file["document_id"] for file in ok(await tenant.get(path, params=params))["data"]]

    assert await listed() == order[::-1]
    assert await listed(sort="created_at") == order
    page = ok(await tenant.get(path, params={"sort": "created_at", "limit": 2}))
    assert page["next"] == first
    await tenant.delete(f"{path}/{first}")
    assert await listed(sort="created_at", after=first) == [fourth, second]
    assert await listed(after=first) == [third]
    await tenant.delete(f"/documents/{fourth}")
    assert await listed(sort="created_at", after=fourth) == [second]
    assert await listed(status="ready") == [second, third]
    assert await listed(status="error") == []


async def test_attributes_are_typed_and_limited(tenant: Tenant) -> None:
    (document,) = await documents(tenant, "Ebb and flow.")
    collection = await made(tenant)
    values = {"text": "ö", "whole": 3, "part": 0.5, "yes": True}
    assert (await added(tenant, collection, document, **values))["attributes"] == values
    path = f"/collections/{collection}/files/{document}"
    assert ok(await tenant.patch(path, json={"attributes": {"new": 1}}))["attributes"] == {"new": 1}
    assert ok(await tenant.get(path))["attributes"] == {"new": 1}
    assert (await added(tenant, collection, document))["attributes"] == {"new": 1}
    wrong: list[dict[str, Any]] = [
        {f"a{number}": 1 for number in range(17)},
        {"a" * 65: 1},
        {"": 1},
        {"a": "b" * 513},
        {"a": None},
        {"a": [1]},
        {"a": {}},
        {"a": "\x00"},
        {"a": 2**70},
    ]
    for attributes in wrong:
        response = await tenant.patch(path, json={"attributes": attributes})
        assert response.status_code == 422, attributes
        assert response.json()["errors" if "errors" in response.json() else "field"]
    assert ok(await tenant.get(path))["attributes"] == {"new": 1}
    again = {"document_id": document, "attributes": {}}
    assert ok(await tenant.post(f"/collections/{collection}/files", json=again), 201)["attributes"] == {}


async def test_a_batch_is_counted_and_can_be_cancelled(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    waiting = [(await tenant.upload(f"{number}.txt", "The tide."))["id"] for number in range(3)]
    collection = await made(tenant)
    files = [{"document_id": document, "attributes": {"n": n}} for n, document in enumerate(waiting)]
    response = await tenant.post(f"/collections/{collection}/batches", json={"files": files})
    assert response.status_code == 201, response.text
    batch = response.json()
    assert (batch["status"], batch["file_counts"]["processing"]) == ("processing", 3)
    path = f"/collections/{collection}/batches/{batch['id']}"
    assert ok(await tenant.get(path)) == batch
    listed = ok(await tenant.get(f"/collections/{collection}/files", params={"batch_id": batch["id"]}))
    assert [file["document_id"] for file in listed["data"]] == waiting[::-1]
    cancelled = ok(await tenant.post(f"{path}/cancel"))
    assert (cancelled["status"], cancelled["file_counts"]["cancelled"]) == ("cancelled", 3)
    assert cancelled["file_counts"]["processing"] == 0
    assert (await tenant.get(f"/collections/{collection}/batches/{uuid4()}")).status_code == 404
    assert (await tenant.post(f"/collections/{collection}/batches/{uuid4()}/cancel")).status_code == 404


async def test_a_cancelled_batch_leaves_unread_what_is_read_only_for_it(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    collection, other_collection = await made(tenant), await made(tenant)
    form = {"purpose": (None, "assistants")}
    kept = [ok(await tenant.post("/v1/files", files={"file": (f"{n}.txt", b"Tide."), **form}))["id"] for n in range(4)]
    alone, begun, shared, later = (str(UUID(id_.removeprefix("file-"))) for id_ in kept)
    native = (await tenant.upload("native.txt", "The tide."))["id"]
    await added(tenant, other_collection, shared)
    files = [{"document_id": id_} for id_ in (alone, begun, shared, native)]
    batch = (await tenant.post(f"/collections/{collection}/batches", json={"files": files})).json()
    async with direct_connection(quiet) as connection:
        await connection.execute("update ingestion_jobs set worker = 'w', attempt = 7 where document_id = $1", begun)

        cancelled = ok(await tenant.post(f"/collections/{collection}/batches/{batch['id']}/cancel"))

        states = {id_: ok(await tenant.get(f"/documents/{id_}"))["status"] for id_ in (alone, begun, shared, native)}
        jobs = await connection.fetch("select document_id from ingestion_jobs where user_id = $1", UUID(tenant.id))
    assert cancelled["file_counts"] == {**batch["file_counts"], "processing": 0, "cancelled": 4}
    assert states == {alone: "stored", begun: "processing", shared: "processing", native: "processing"}
    assert {str(job["document_id"]) for job in jobs} == {begun, shared, native}
    # It is read as soon as a collection needs it.
    assert (await added(tenant, other_collection, alone))["status"] == "processing"
    assert ok(await tenant.get(f"/documents/{later}"))["status"] == "stored"


async def test_a_batch_is_added_whole_or_not(tenant: Tenant, other: Tenant) -> None:
    (document,) = await documents(tenant, "The tide.")
    (foreign,) = await documents(other, "The tide.")
    collection = await made(tenant)
    for wrong in (foreign, str(uuid4()), document):
        files = [{"document_id": document}, {"document_id": wrong}]
        response = await tenant.post(f"/collections/{collection}/batches", json={"files": files})
        assert response.status_code == 422, wrong
    assert ok(await tenant.get(f"/collections/{collection}/files"))["data"] == []
    missing = await tenant.post(f"/collections/{uuid4()}/batches", json={"files": [{"document_id": document}]})
    assert missing.status_code == 404


async def test_an_expired_collection_is_emptied_and_can_be_used_again(tenant: Tenant) -> None:
    # Other tests may have left expired collections.
    while await sweep.sweep_collections(tenant.service.services.database):
        pass
    (document,) = await documents(tenant, "The tide.")
    collection = await made(tenant, expires_after_s=60)
    await added(tenant, collection, document)
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            "update collections set expires_at = now() - interval '1 s' where id = $1", UUID(collection)
        )
    assert ok(await tenant.get(f"/collections/{collection}"))["status"] == "expired"
    refused = await tenant.post("/search", json={"query": "tide", "collection_ids": [collection]})
    assert refused.status_code == 422
    assert "collection_ids" in refused.text
    response = await tenant.post(f"/collections/{collection}/files", json={"document_id": document})
    assert response.status_code == 409
    assert await sweep.sweep_collections(tenant.service.services.database) == 1
    assert await sweep.sweep_collections(tenant.service.services.database) == 0
    read = ok(await tenant.get(f"/collections/{collection}"))
    assert (read["status"], read["file_counts"]["total"]) == ("expired", 0)
    assert ok(await tenant.get(f"/documents/{document}"))["status"] == "ready"
    assert ok(await tenant.patch(f"/collections/{collection}", json={"expires_after_s": 60}))["status"] == "active"
    await added(tenant, collection, document)
    assert await found(tenant, collection_ids=[collection]) == [document]


async def test_a_search_and_a_new_file_put_the_expiry_off_however_short(tenant: Tenant) -> None:
    (document,) = await documents(tenant, "The tide.")
    for lifetime_s in (600, 40):
        collection = await made(tenant, expires_after_s=lifetime_s)
        for is_search in (True, False):
            async with direct_connection(tenant.service) as connection:
                await connection.execute(
                    "update collections set last_active_at = now() - expires_after_s * interval '0.5 s',"
                    " expires_at = now() + expires_after_s * interval '0.5 s' where id = $1",
                    UUID(collection),
                )
            before = ok(await tenant.get(f"/collections/{collection}"))
            if is_search:
                await found(tenant, collection_ids=[collection])
            else:
                await added(tenant, collection, document)
            after = ok(await tenant.get(f"/collections/{collection}"))
            assert after["expires_at"] > before["expires_at"], (lifetime_s, is_search)
            assert after["last_active_at"] > before["last_active_at"], (lifetime_s, is_search)


async def test_places_of_files_that_left_are_deleted_after_a_day(tenant: Tenant) -> None:
    detached, deleted, kept = await documents(tenant, "One.", "Two.", "Three.")
    collection = await made(tenant)
    for document in (detached, deleted, kept):
        await added(tenant, collection, document)
    await tenant.delete(f"/collections/{collection}/files/{detached}")
    await tenant.delete(f"/documents/{deleted}")
    database = tenant.service.services.database
    await sweep.sweep_left_files(database)
    assert (await rows_left(tenant.service, tenant.id))["collection_files"] == 3
    async with direct_connection(tenant.service) as connection:
        await connection.execute("update collection_files set left_at = left_at - interval '25 hours'")
    await sweep.sweep_left_files(database)
    assert (await rows_left(tenant.service, tenant.id))["collection_files"] == 1


async def test_documents_are_listed_and_deleted_by_collection(tenant: Tenant) -> None:
    inside, outside = await documents(tenant, "One.", "Two.")
    collection = await made(tenant)
    await added(tenant, collection, inside)
    listed = ok(await tenant.get("/documents", params={"collection_ids": collection, "count": "true"}))
    assert ([each["id"] for each in listed["data"]], listed["count"]) == ([inside], 1)
    assert ok(await tenant.post("/documents/retry", json={"collection_ids": [collection]}), 202)["queued"] == 0
    assert ok(await tenant.post("/documents/delete", json={"collection_ids": [collection]}))["deleted"] == 1
    assert [each["id"] for each in ok(await tenant.get("/documents"))["data"]] == [outside]
    assert ok(await tenant.get(f"/collections/{collection}"))["file_counts"]["total"] == 0


async def test_a_document_that_replaces_another_takes_its_place(tenant: Tenant) -> None:
    old = await tenant.ready_document("tides.txt", "The tide of old.")
    collection = await made(tenant)
    await added(tenant, collection, old["id"], year=2020)
    body = {"filename": "tides.txt", "content": "The tide of today.", "on_conflict": "replace"}
    new = (await tenant.post("/documents", json=body)).json()["id"]
    await tenant.ended(new)
    listed = ok(await tenant.get(f"/collections/{collection}/files"))["data"]
    assert [(file["document_id"], file["attributes"]) for file in listed] == [(new, {"year": 2020})]
    assert await found(tenant, collection_ids=[collection]) == [new]


async def test_a_user_has_a_limited_number_of_collections(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MAX_COLLECTIONS", 2)
    await made(tenant)
    await made(tenant)
    assert (await tenant.post("/collections", json={})).status_code == 409


async def test_a_large_collection_is_deleted_in_parts(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "EMPTIED_FILES", 1)
    collection = await made(tenant)
    for document in await documents(tenant, "One.", "Two."):
        await added(tenant, collection, document)
    assert (await tenant.delete(f"/collections/{collection}")).status_code == 204
    assert "collection_files" not in await rows_left(tenant.service, tenant.id)


async def test_a_collection_with_many_batches_is_deleted_in_steps(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (document,) = await documents(tenant, "The tide comes twice a day.")
    collection, other = await made(tenant), await made(tenant)
    files = {"files": [{"document_id": document}]}
    for each in [*[collection] * 5, other]:
        ok(await tenant.post(f"/collections/{each}/batches", json=files), 201)
    monkeypatch.setattr(batches, "EMPTIED_FILES", 2)

    answer = await tenant.delete(f"/collections/{collection}")

    assert answer.status_code == 204
    # The file with two batches, two more, and the last with the collection.
    assert statements(answer) >= 3
    left = await rows_left(tenant.service, tenant.id)
    assert (left["file_batches"], left["collections"]) == (1, 1)
