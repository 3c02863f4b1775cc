"""Shared collections, which a reader finds and opens until they are no longer shared. test_tenancy.py tests every
route."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from svc.routes import chunk_search, documents, readers
from svc.routes.results import select_results
from svc.search.lanes import TenantSize
from svc.terms.samples import renew_sample
from tests.conftest import ADMIN_KEY, Service, running_service, test_settings
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant
from tests.routes.test_collections import MODES, added, found, made
from tests.routes.test_collections import documents as uploaded


async def share(owner: Tenant, collection: str, reader: Tenant) -> dict[str, Any]:
    """Share a collection."""
    return dict(ok(await owner.service.call("PUT", f"/collections/{collection}/readers/{reader.id}", owner.key)))


async def unshare(owner: Tenant, collection: str, reader: Tenant) -> None:
    """Revoke the share."""
    done(await owner.delete(f"/collections/{collection}/readers/{reader.id}"))


async def put(caller: Tenant, path: str) -> httpx.Response:
    """Send a PUT request."""
    return await caller.service.call("PUT", path, caller.key)


async def statuses(reader: Tenant, collection: str, document: str, chunk: str) -> set[int]:
    """The statuses of all requests that a reader can send about a document of a collection."""
    answers = [
        await reader.get(path)
        for path in (
            f"/collections/{collection}",
            f"/collections/{collection}/files",
            f"/collections/{collection}/files/{document}",
            f"/documents/{document}",
            f"/documents/{document}/text",
            f"/documents/{document}/content",
            f"/documents/{document}/chunks",
            f"/chunks/{chunk}",
        )
    ]
    searched = await reader.post("/search", json={"query": "the tide", "collection_ids": [collection]})
    return {answer.status_code for answer in answers} | {404 if searched.status_code == 422 else searched.status_code}


@pytest.mark.parametrize("lane", ["exact", "bits", "index"])
async def test_a_reader_finds_what_is_shared_and_nothing_else(
    tenant: Tenant, other: Tenant, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = await uploaded(tenant, "The tide of spring.", "The tide of autumn.")
    (own,) = await uploaded(other, "The tide of the reader.")
    collection, private = await made(tenant), await made(tenant)
    await added(tenant, collection, inside, year=2020)
    await added(tenant, private, outside)
    await share(tenant, collection, other)
    if lane != "exact":
        monkeypatch.setattr(chunk_search, "TenantSize", lambda _count, _has_index: TenantSize(10**6, lane == "index"))
    for mode in MODES:
        assert await found(other, **mode, collection_ids=[collection]) == [inside]
        assert await found(other, **mode, collection_ids=[collection], neighbours=2) == [inside]
        assert await found(other, **mode, collection_ids=[collection], document_ids=[outside, own]) == []
        newer = {"type": "gte", "key": "year", "value": 2021}
        assert await found(other, **mode, collection_ids=[collection], attribute_filter=newer) == []
        assert await found(other, **mode) == [own]
        assert set(await found(tenant, **mode)) == {inside, outside}
    mine = await made(other)
    for ids in ([private], [collection, private], [str(uuid4())]):
        refused = await other.post("/search", json={"query": "tide", "collection_ids": ids})
        assert problem(refused, 422, "collection_ids")["detail"].startswith("collection_ids contains an id that is not")
    mixed = await other.post("/search", json={"query": "tide", "collection_ids": [collection, mine]})
    assert "several owners" in problem(mixed, 422, "collection_ids")["detail"]
    assert ok(await other.get("/documents", params={"collection_ids": collection}))["data"] == []


async def test_the_end_of_a_share_takes_effect_immediately_on_every_server(tenant: Tenant, other: Tenant) -> None:
    async with running_service(test_settings(worker_concurrency=0), tenant.service.url) as second:
        elsewhere = Tenant(second, other.id, other.key)
        texts = ["The tide is low.", "The tide is high.", "The tide turns.", "The tide goes."]
        kept, detached, deleted, transferred = await uploaded(tenant, *texts)
        chunks = {id_: (await tenant.chunks(id_))[0]["id"] for id_ in (kept, detached, deleted, transferred)}
        collection = await made(tenant, expires_after_s=3600)
        for document in chunks:
            await added(tenant, collection, document)

        async def seen(document: str = kept) -> set[int]:
            here, there = [await statuses(each, collection, document, chunks[document]) for each in (other, elsewhere)]
            assert here == there
            return here

        assert await seen() == {404}
        await share(tenant, collection, other)
        assert await seen() == {200}
        await unshare(tenant, collection, other)
        assert await seen() == {404}
        await share(tenant, collection, other)

        done(await tenant.delete(f"/collections/{collection}/files/{detached}"))
        done(await tenant.delete(f"/documents/{deleted}"))
        receiver = await new_tenant(tenant.service)
        body = {"document_ids": [transferred], "to_user": receiver.id}
        acting = {"Cabinet-User": tenant.id}
        ok(await tenant.service.call("POST", "/documents/transfer", ADMIN_KEY, json=body, headers=acting))
        for gone in (detached, deleted, transferred):
            problem(await other.get(f"/documents/{gone}"), 404)
            problem(await elsewhere.get(f"/chunks/{chunks[gone]}"), 404)
        assert await found(other, collection_ids=[collection]) == [kept]

        async with direct_connection(tenant.service) as connection:
            expiring = "update collections set expires_at = now() - interval '1 s' where id = $1"
            await connection.execute(expiring, UUID(collection))
        assert await seen() == {404}
        assert ok(await other.get("/collections", params={"shared": "true"}))["data"] == []
        ok(await tenant.patch(f"/collections/{collection}", json={"expires_after_s": None}))
        assert await seen() == {200}

        done(await tenant.delete(f"/collections/{collection}"))
        assert await seen() == {404}
        assert ok(await tenant.get(f"/documents/{kept}"))["status"] == "ready"


async def test_a_share_ends_with_its_reader_and_its_owner(shared: Service) -> None:
    owner, reader, another = [await new_tenant(shared) for _ in range(3)]
    (document,) = await uploaded(owner, "The tide.")
    collection = await made(owner)
    await added(owner, collection, document)
    for one in (reader, another):
        await share(owner, collection, one)
    erased = ok(await shared.call("DELETE", f"/users/{reader.id}", ADMIN_KEY))
    assert erased["rows"]["collection_readers"] == 0
    listed = ok(await owner.get(f"/collections/{collection}/readers"))["data"]
    assert [each["user_id"] for each in listed] == [another.id]
    problem(await put(owner, f"/collections/{collection}/readers/{reader.id}"), 404)
    assert reader.id not in (await owner.get("/me/export")).text
    erased = ok(await shared.call("DELETE", f"/users/{owner.id}", ADMIN_KEY))
    assert erased["rows"]["collection_readers"] == 1
    problem(await another.get(f"/documents/{document}"), 404)
    assert ok(await another.get("/collections", params={"shared": "true"}))["data"] == []


async def test_readers_are_named_listed_and_limited(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, one, two, three = [await new_tenant(shared) for _ in range(4)]
    email = ok(await one.get("/me"))["email"]
    name = f"app:{uuid4()}"
    ok(await shared.call("PATCH", f"/users/{two.id}", ADMIN_KEY, json={"external_id": name}))
    path = f"/collections/{await made(owner)}/readers"
    by_email = ok(await put(owner, f"{path}/{email.upper()}"))
    assert (by_email["user_id"], by_email["is_everyone"]) == (one.id, False)
    assert ok(await put(owner, f"{path}/{name}"))["user_id"] == two.id
    assert ok(await put(owner, f"{path}/{one.id}")) == by_email
    problem(await put(owner, f"{path}/{owner.id}"), 422)
    for unknown in (str(uuid4()), "nobody@example.org", "external:everyone", "%00"):
        problem(await put(owner, f"{path}/{unknown}"), 404)
    problem(await put(owner, f"{path}/everyone"), 403)
    acting = {"Cabinet-User": owner.id}
    everyone = ok(await shared.call("PUT", f"{path}/everyone", ADMIN_KEY, headers=acting))
    assert (everyone["user_id"], everyone["is_everyone"]) == (None, True)
    assert ok(await shared.call("PUT", f"{path}/everyone", ADMIN_KEY, headers=acting)) == everyone
    assert [each["user_id"] for each in ok(await owner.get(path))["data"]] == [None, two.id, one.id]
    monkeypatch.setattr(readers, "MAX_READERS", 3)
    problem(await put(owner, f"{path}/{three.id}"), 409)
    assert ok(await put(owner, f"{path}/{one.id}")) == by_email
    done(await owner.delete(f"{path}/everyone"))
    problem(await owner.delete(f"{path}/everyone"), 404)
    done(await owner.delete(f"{path}/{name}"))
    assert [each["user_id"] for each in ok(await owner.get(path))["data"]] == [one.id]


async def test_everyone_reads_what_is_shared_with_everyone(tenant: Tenant, other: Tenant) -> None:
    (document,) = await uploaded(tenant, "The tide.")
    chunk = (await tenant.chunks(document))[0]["id"]
    collection = await made(tenant)
    await added(tenant, collection, document)
    acting = {"Cabinet-User": tenant.id}
    path = f"/collections/{collection}/readers/everyone"
    ok(await tenant.service.call("PUT", path, ADMIN_KEY, headers=acting))
    assert await statuses(other, collection, document, chunk) == {200}
    await share(tenant, collection, other)
    done(await tenant.delete(path))
    assert await statuses(other, collection, document, chunk) == {200}
    await unshare(tenant, collection, other)
    assert await statuses(other, collection, document, chunk) == {404}


async def test_shared_collections_are_listed_where_asked(tenant: Tenant, other: Tenant) -> None:
    mine = await made(other, name="mine")
    theirs = [await made(tenant, name=str(number)) for number in range(4)]
    for collection in theirs[:3]:
        await share(tenant, collection, other)
    assert [each["id"] for each in ok(await other.get("/collections"))["data"]] == [mine]
    page = ok(await other.get("/collections", params={"shared": "true", "limit": 2}))
    rest = ok(await other.get("/collections", params={"shared": "true", "after": page["next"]}))
    assert [each["id"] for each in page["data"] + rest["data"]] == theirs[2::-1]
    assert {each["access"] for each in page["data"]} == {"reader"}
    assert ok(await other.get(f"/collections/{theirs[0]}"))["access"] == "reader"
    assert ok(await tenant.get(f"/collections/{theirs[0]}"))["access"] == "owner"


async def test_a_search_is_counted_for_its_reader(tenant: Tenant, other: Tenant) -> None:
    (document,) = await uploaded(tenant, "The tide.")
    collection = await made(tenant, expires_after_s=600)
    await added(tenant, collection, document)
    await share(tenant, collection, other)

    async def searches() -> list[int]:
        await tenant.service.services.usage.flush()
        used = [ok(await each.get("/usage")) for each in (tenant, other)]
        return [sum(day["searches"] for day in one["data"]) for one in used]

    before, read = await searches(), ok(await tenant.get(f"/collections/{collection}"))
    assert await found(other, collection_ids=[collection]) == [document]
    assert await searches() == [before[0], before[1] + 1]
    assert ok(await tenant.get(f"/collections/{collection}")) == read, (
        "a reader's search does not change the collection"
    )


async def test_scores_reveal_nothing_about_the_owners_other_texts(tenant: Tenant, other: Tenant) -> None:
    (document,) = await uploaded(tenant, "The submarine dives below the tide.")
    collection = await made(tenant)
    await added(tenant, collection, document)
    await share(tenant, collection, other)
    body = {"query": "submarine tide", "mode": "keyword", "collection_ids": [collection]}
    services = tenant.service.services

    async def scores(caller: Tenant) -> list[float]:
        services.query_terms._kept.clear()
        return [each["keyword_score"] for each in ok(await caller.post("/search", json=body))["results"]]

    await renew_sample(services.database, UUID(tenant.id), "chunk", is_forced=True)
    before, of_owner = await scores(other), await scores(tenant)
    await uploaded(tenant, *[f"The submarine number {number} is yellow." for number in range(6)])
    await renew_sample(services.database, UUID(tenant.id), "chunk", is_forced=True)
    assert await scores(other) == before != []
    assert await scores(tenant) != of_owner, "the control: the scores of the owner do depend on them"


async def test_files_added_after_a_share_was_revoked_are_not_seen(
    tenant: Tenant, other: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share ends, and a secret is added, between the check of the share and the statement that reads."""
    kept, secret = await uploaded(tenant, "The tide.", "The secret tide.")
    collection = await made(tenant)
    await added(tenant, collection, kept)
    search = {"query": "secret tide", "collection_ids": [collection]}
    select, read = select_results, documents.document_row

    async def end_share() -> None:
        await unshare(tenant, collection, other)
        await added(tenant, collection, secret)
        ok(await tenant.patch(f"/documents/{kept}", json={"filename": "secret.txt"}))

    async def select_late(*arguments: Any) -> Any:
        await end_share()
        return await select(*arguments)

    async def read_late(queries: Any, permission: Any, document_id: UUID) -> Any:
        if permission.owner_id == UUID(tenant.id):
            await end_share()
        return await read(queries, permission, document_id)

    await share(tenant, collection, other)
    with monkeypatch.context() as patched:
        patched.setattr(chunk_search, "select_results", select_late)
        problem(await other.post("/search", json=search), 422, "collection_ids")
    await share(tenant, collection, other)
    with monkeypatch.context() as patched:
        patched.setattr(documents, "document_row", read_late)
        problem(await other.get(f"/documents/{kept}"), 404)


async def test_a_vector_store_can_be_read(tenant: Tenant, other: Tenant) -> None:
    inside, outside = await uploaded(tenant, "The tide of spring.", "The tide of autumn.")
    collection = await made(tenant, name="Sea")
    await added(tenant, collection, inside, year=2020)
    store, file = f"/v1/vector_stores/vs_{UUID(collection).hex}", f"file-{UUID(inside).hex}"
    reads = [store, f"{store}/files", f"{store}/files/{file}", f"{store}/files/{file}/content"]
    query = {"query": "the tide"}
    for is_shared in (False, True, False):
        if is_shared:
            await share(tenant, collection, other)
            assert ok(await other.get(store))["name"] == "Sea"
            results = ok(await other.post(f"{store}/search", json=query))["data"]
            assert [(each["file_id"], each["attributes"]) for each in results] == [(file, {"year": 2020})]
            assert {(await other.get(path)).status_code for path in reads} == {200}
            assert (await other.get(f"{store}/files/file-{UUID(outside).hex}")).status_code == 404
            assert (await other.post(store, json={"name": "Lake"})).status_code == 404
            assert (await other.delete(f"{store}/files/{file}")).status_code == 404
            assert (await other.delete(store)).status_code == 404
            await unshare(tenant, collection, other)
        assert {(await other.get(path)).status_code for path in reads} == {404}
        assert (await other.post(f"{store}/search", json=query)).status_code == 404
