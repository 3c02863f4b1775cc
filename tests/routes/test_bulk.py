"""Changes to many documents in one request and one statement."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of


async def ready(tenant: Tenant, count: int, **metadata: Any) -> list[str]:
    """Upload this many texts concurrently, wait until all are ready, and return their ids."""
    uploads = await asyncio.gather(
        *(tenant.upload(f"{number}.txt", f"Text {number}.", **metadata) for number in range(count))
    )
    return [(await tenant.ended(upload["id"]))["id"] for upload in uploads]


async def failed(tenant: Tenant, *document_ids: str) -> None:
    """Set documents to failed."""
    async with direct_connection(tenant.service) as connection:
        for table, change in (
            ("ingestion_jobs", "delete from ingestion_jobs where document_id = any($1)"),
            ("documents", "update documents set status = 'error', error = 'a test' where id = any($1)"),
        ):
            assert table in change
            await connection.execute(change, [UUID(one) for one in document_ids])


async def left(tenant: Tenant) -> set[str]:
    """Return the ids of the tenant's documents."""
    return {document["id"] for document in ok(await tenant.get("/documents", params={"limit": 100}))["data"]}


async def counted(tenant: Tenant) -> tuple[int, int]:
    """Return a tenant's counts of documents and chunks."""
    async with direct_connection(tenant.service) as connection:
        query = "select document_count, chunk_count from tenant_totals where user_id = $1"
        documents, vectors = await connection.fetchrow(query, UUID(tenant.id))
    return documents, vectors


# --- delete


async def test_deletion_by_id_deletes_all_rows_of_the_documents(tenant: Tenant, other: Tenant) -> None:
    theirs = await ready(other, 1)
    ids = await ready(tenant, 4)
    answer = ok(await tenant.post("/documents/delete", json={"document_ids": [*ids[:3], str(uuid4()), *theirs]}))
    assert answer == {"deleted": 3, "more": False}
    assert await left(tenant) == {ids[3]}
    assert await left(other) == set(theirs)
    rows = await rows_of(tenant.service, tenant.id)
    assert (rows["documents"], rows["document_contents"], rows["chunks"], rows["chunk_vectors"]) == (1, 1, 1, 1)
    assert (await counted(tenant), await counted(other)) == ((1, 1), (1, 1))


async def test_deletion_by_status_or_metadata(tenant: Tenant) -> None:
    red, blue = await ready(tenant, 2, color="red"), await ready(tenant, 2, color="blue")
    await failed(tenant, red[0], blue[0])
    answer = ok(await tenant.post("/documents/delete", json={"status": "error", "metadata": {"color": "red"}}))
    assert answer == {"deleted": 1, "more": False}
    assert await left(tenant) == {red[1], *blue}
    assert ok(await tenant.post("/documents/delete", json={"metadata": {"color": "blue"}}))["deleted"] == 2
    assert await left(tenant) == {red[1]}
    assert ok(await tenant.post("/documents/delete", json={"status": "error"}))["deleted"] == 0


async def test_deletion_also_deletes_queued_jobs(idle: Service) -> None:
    tenant = await new_tenant(idle)
    for number in range(3):
        await tenant.upload(f"{number}.txt", "a")
    assert ok(await tenant.post("/documents/delete", json={"status": "processing"}))["deleted"] == 3
    assert (await rows_of(idle, tenant.id)).keys() <= {"api_keys", "tenant_totals", "usage_days"}


async def test_a_deletion_must_select_documents(tenant: Tenant) -> None:
    ids = await ready(tenant, 1)
    problem(await tenant.post("/documents/delete", json={}), 422, "document_ids")
    problem(await tenant.post("/documents/delete", json={"document_ids": [str(uuid4())] * 1001}), 422, "document_ids")
    problem(await tenant.post("/documents/delete", json={"status": "lost"}), 422, "status")
    assert ok(await tenant.post("/documents/delete", json={"document_ids": []})) == {"deleted": 0, "more": False}
    assert await left(tenant) == set(ids)


EMPTY: list[tuple[dict[str, Any], str]] = [
    ({}, "document_ids"),
    ({"document_ids": None}, "document_ids"),
    ({"status": None, "metadata": None}, "document_ids"),
    ({"all": False}, "document_ids"),
    ({"metadata": {}}, "metadata"),
    ({"metadata": {}, "status": "ready"}, "metadata"),
    ({"metadata": {"a": {}}}, "metadata.a"),
    ({"metadata": {"a": []}}, "metadata.a"),
    ({"metadata": {"a": {"b": 1}, "c": {"d": [1, {}]}}}, "metadata.c.d[1]"),
    ({"all": True, "status": "ready"}, "all"),
    ({"all": True, "document_ids": []}, "all"),
    ({"all": True, "metadata": {"a": {"b": 1}}}, "all"),
    ({"all": "true"}, "all"),
]


@pytest.mark.parametrize(("body", "field"), EMPTY, ids=[json.dumps(body) for body, _ in EMPTY])
async def test_an_empty_selection_deletes_nothing(idle: Service, body: dict[str, Any], field: str) -> None:
    tenant = await new_tenant(idle)
    kept = await tenant.upload("a.txt", "a", a={"b": 1}, c={"d": [1, {"e": 2}]})
    problem(await tenant.post("/documents/delete", json=body), 422, field)
    assert await left(tenant) == {kept["id"]}


async def test_all_documents_are_deleted_by_a_word(idle: Service) -> None:
    tenant, other = await new_tenant(idle), await new_tenant(idle)
    for number in range(3):
        await tenant.upload(f"{number}.txt", "a")
    theirs = await other.upload("theirs.txt", "a")
    assert ok(await tenant.post("/documents/delete", json={"all": True})) == {"deleted": 3, "more": False}
    assert (await left(tenant), await left(other)) == (set(), {theirs["id"]})


@pytest.mark.parametrize("body", [{}, {"document_ids": None}, {"all": False}, {"all": True, "document_ids": []}])
async def test_an_empty_selection_retries_nothing(idle: Service, body: dict[str, Any]) -> None:
    tenant = await new_tenant(idle)
    document_id = (await tenant.upload("a.txt", "a"))["id"]
    await failed(tenant, document_id)
    problem(await tenant.post("/documents/retry", json=body), 422, "all" if body.get("all") else "document_ids")
    assert ok(await tenant.get(f"/documents/{document_id}"))["status"] == "error"


async def test_many_documents_are_deleted_in_several_requests(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sorted(await ready(tenant, 5))
    monkeypatch.setattr("svc.routes.bulk.MAX_DOCUMENTS", 2)
    for deleted, more in ((2, True), (2, True), (1, False), (0, False)):
        answer = ok(await tenant.post("/documents/delete", json={"status": "ready"}))
        assert answer == {"deleted": deleted, "more": more}
        # The oldest go first.
        ids = ids[deleted:]
        assert await left(tenant) == set(ids)


async def test_concurrent_deletions_count_each_document_once(tenant: Tenant) -> None:
    ids = await ready(tenant, 12)
    answers = await asyncio.gather(
        *(tenant.post("/documents/delete", json={"document_ids": ids[::step]}) for step in (1, -1, 1, -1)),
        *(tenant.delete(f"/documents/{id_}") for id_ in ids[::-1]),
    )
    single = sum(answer.status_code == 204 for answer in answers[4:])
    assert sum(ok(answer)["deleted"] for answer in answers[:4]) + single == len(ids)
    assert await counted(tenant) == (0, 0)


# --- retry


async def test_all_failed_documents_are_queued_again(tenant: Tenant) -> None:
    ids = await ready(tenant, 3)
    empty = (await tenant.upload("empty.txt", " \n"))["id"]
    assert (await tenant.ended(empty))["status"] == "error"
    answer = ok(await tenant.post("/documents/retry", json={"all": True}), 202)
    assert answer == {"queued": 1, "more": False}
    assert (await tenant.ended(empty))["attempt"] == 2
    assert await left(tenant) == {*ids, empty}


async def test_only_the_selected_failed_documents_are_queued_again(idle: Service) -> None:
    tenant, other = await new_tenant(idle), await new_tenant(idle)
    ids = [(await tenant.upload(f"{number}.txt", "a"))["id"] for number in range(3)]
    theirs = (await other.upload("theirs.txt", "a"))["id"]
    await failed(tenant, ids[0], ids[1], theirs)
    answer = ok(await tenant.post("/documents/retry", json={"document_ids": [ids[0], ids[2], theirs]}), 202)
    assert answer == {"queued": 1, "more": False}
    states = {document["id"]: document["status"] for document in ok(await tenant.get("/documents"))["data"]}
    assert states == {ids[0]: "processing", ids[1]: "error", ids[2]: "processing"}
    assert ok(await other.get(f"/documents/{theirs}"))["status"] == "error"
    assert (await rows_of(idle, tenant.id))["ingestion_jobs"] == 2


# --- metadata


async def patched(tenant: Tenant, patch: dict[str, Any], *document_ids: str) -> int:
    """Change the metadata of documents and return the number of changed documents."""
    body = {"document_ids": document_ids, "patch": patch}
    return int(ok(await tenant.post("/documents/metadata", json=body))["updated"])


async def metadata(tenant: Tenant, document_id: str) -> Any:
    """Return the metadata of a document."""
    return ok(await tenant.get(f"/documents/{document_id}"))["metadata"]


async def test_one_patch_changes_the_metadata_of_many_documents(idle: Service) -> None:
    tenant, other = await new_tenant(idle), await new_tenant(idle)
    red = await tenant.upload("red.txt", "a", color="red", draft=True, size={"w": 1, "h": 2})
    blue = await tenant.upload("blue.txt", "a", color="blue")
    kept = await tenant.upload("kept.txt", "a", color="green")
    theirs = await other.upload("theirs.txt", "a", color="red")
    patch = {"draft": None, "size": {"h": 3}, "reviewed": True}
    assert await patched(tenant, patch, red["id"], blue["id"], blue["id"], theirs["id"], str(uuid4())) == 2
    assert await metadata(tenant, red["id"]) == {"color": "red", "size": {"w": 1, "h": 3}, "reviewed": True}
    assert await metadata(tenant, blue["id"]) == {"color": "blue", "size": {"h": 3}, "reviewed": True}
    assert await metadata(tenant, kept["id"]) == {"color": "green"}
    assert await metadata(other, theirs["id"]) == {"color": "red"}
    # A search filters by the new metadata immediately.
    assert ok(await tenant.post("/documents/delete", json={"metadata": {"reviewed": True}}))["deleted"] == 2


async def test_a_patch_that_makes_metadata_too_large_changes_no_document(idle: Service) -> None:
    tenant = await new_tenant(idle)
    small, large = await tenant.upload("a.txt", "a"), await tenant.upload("b.txt", "b", text="x" * 16_000)
    body = {"document_ids": [small["id"], large["id"]], "patch": {"more": "y" * 1000}}
    refused = problem(await tenant.post("/documents/metadata", json=body), 422, "patch")
    assert large["id"] in refused["detail"]
    assert (await metadata(tenant, small["id"]), await metadata(tenant, large["id"])) == ({}, {"text": "x" * 16_000})
    # A patch that does not make the metadata larger is accepted.
    assert await patched(tenant, {"text": "z" * 16_000}, small["id"], large["id"]) == 2
    for wrong in ({"a": "x" * 17_000}, {"a": 2**70}, {"a": "\x00"}):
        answer = await tenant.post("/documents/metadata", json={"document_ids": [small["id"]], "patch": wrong})
        assert problem(answer, 422)["errors"][0]["field"].startswith("patch")


async def test_concurrent_patches_lose_no_change(idle: Service) -> None:
    tenant = await new_tenant(idle)
    ids = [(await tenant.upload(f"{number}.txt", "a"))["id"] for number in range(6)]
    updated = await asyncio.gather(
        *(patched(tenant, {f"key{number}": number}, *ids[:: (-1) ** number]) for number in range(8))
    )
    assert updated == [6] * 8
    for id_ in ids:
        assert await metadata(tenant, id_) == {f"key{number}": number for number in range(8)}


async def test_metadata_is_changed_where_a_filter_passes(tenant: Tenant) -> None:
    documents = [await tenant.upload(f"{year}.txt", "text", year=year) for year in (2023, 2024, 2025)]
    late = {"type": "gte", "key": "year", "value": 2024}
    body = {"filter": late, "patch": {"late": True}}
    assert ok(await tenant.post("/documents/metadata", json=body)) == {"updated": 2, "next": None}
    ids = {"filter": late, "document_ids": [documents[0]["id"], documents[1]["id"]], "patch": {"both": True}}
    assert ok(await tenant.post("/documents/metadata", json=ids))["updated"] == 1
    rest = {"all": True, "after": documents[1]["id"], "patch": {"last": True}}
    assert ok(await tenant.post("/documents/metadata", json=rest))["updated"] == 1
    found = [ok(await tenant.get(f"/documents/{document['id']}"))["metadata"] for document in documents]
    assert found == [
        {"year": 2023},
        {"year": 2024, "late": True, "both": True},
        {"year": 2025, "late": True, "last": True},
    ]


async def test_a_page_of_changed_metadata_says_where_to_continue(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svc.routes.bulk.MAX_DOCUMENTS", 2)
    for number in range(5):
        await tenant.upload(f"{number}.txt", "text")
    body: dict[str, Any] = {"all": True, "patch": {"seen": True}}
    counts = []
    while True:
        answer = ok(await tenant.post("/documents/metadata", json=body))
        counts.append(answer["updated"])
        if answer["next"] is None:
            break
        body["after"] = answer["next"]
    assert counts == [2, 2, 1]
    everything = ok(await tenant.get("/documents"))["data"]
    assert [document["metadata"] for document in everything] == [{"seen": True}] * 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document_ids"),
        ({"document_ids": [], "all": True}, "all"),
        ({"filter": {"type": "near", "key": "a", "value": 1}}, "filter"),
    ],
)
async def test_a_selection_for_metadata_is_checked(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    answer = await tenant.post("/documents/metadata", json={**body, "patch": {"a": 1}})
    assert problem(answer, 422)["errors"][0]["field"].startswith(field)
