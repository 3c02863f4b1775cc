"""Splits documents again: all old chunks remain until all new chunks are ready."""

from __future__ import annotations

from typing import Any

from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

TEXT = "# Ports\n\n" + "\n\n".join(
    f"## Port {number}\n\nThe port number {number} has {number * 3} berths. " + "Ships lie there in winter. " * 20
    for number in range(4)
)


async def rechunk(tenant: Tenant, document_id: str, chunk_tokens: int, overlap_tokens: int = 0) -> dict[str, Any]:
    body = {"chunk_tokens": chunk_tokens, "overlap_tokens": overlap_tokens}
    return dict(ok(await tenant.post(f"/documents/{document_id}/rechunk", json=body), 202))


async def test_a_document_is_split_again_completely(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT, topic="ports")
    path = f"/documents/{document['id']}"
    collection = ok(await tenant.post("/collections", json={"name": "all"}), 201)
    ok(await tenant.post(f"/collections/{collection['id']}/files", json={"document_id": document["id"]}), 201)
    before = [chunk["content"] for chunk in await tenant.chunks(document["id"])]
    text = (await tenant.get(f"{path}/text")).text

    begun = await rechunk(tenant, document["id"], 16, 8)
    assert (begun["id"], begun["status"], begun["chunk_count"]) == (document["id"], "processing", len(before))
    seen: list[tuple[dict[str, Any], list[str]]] = []
    while not seen or seen[-1][0]["status"] != "ready":
        seen.append((ok(await tenant.get(path)), [chunk["content"] for chunk in await tenant.chunks(document["id"])]))
    after = await tenant.chunks(document["id"])
    assert all(chunk["token_count"] <= 16 for chunk in after)
    texts = [chunk["content"] for chunk in after]
    assert len(after) > len(before)
    assert all(contents in (before, texts) for _, contents in seen), "only a part of the chunks was visible"
    ready = seen[-1][0]
    assert (ready["chunk_count"], ready["metadata"], ready["error"]) == (len(after), {"topic": "ports"}, None)
    assert (await tenant.get(f"{path}/text")).text.split() == text.split()

    found = ok(await tenant.post("/search", json={"query": "berths", "collection_ids": [collection["id"]]}))["results"]
    assert {result["content"] for result in found} <= set(texts)
    async with direct_connection(tenant.service) as connection:
        counts = await connection.fetchrow(
            "select (select chunk_count from tenant_totals where user_id = $1) as total,"
            " (select count(*) from chunks where user_id = $1) as chunks,"
            " (select count(*) from chunk_vectors where user_id = $1) as vectors,"
            " (select count(distinct chunk_id) from chunk_terms where user_id = $1) as terms",
            tenant.id,
        )
    assert set(counts.values()) == {len(after)}

    await rechunk(tenant, document["id"], 4000)
    assert (await tenant.ended(document["id"]))["chunk_count"] < len(before)


async def test_a_failed_attempt_leaves_the_document_as_it_was(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT)
    before = await tenant.chunks(document["id"])
    most = len(before) + 1
    async with direct_connection(shared) as connection:
        await connection.execute("insert into plans (name, max_chunks) values ('few-chunks', $1)", most)
        await connection.execute("update users set plan = 'few-chunks' where id = $1", tenant.id)
    await rechunk(tenant, document["id"], 16)
    ended = await tenant.ended(document["id"])
    assert (ended["status"], ended["chunk_count"], ended["progress"]) == ("ready", len(before), 1)
    assert "chunks" in ended["error"]
    assert await tenant.chunks(document["id"]) == before
    # The chunks that are replaced do not count.
    await rechunk(tenant, document["id"], 4000)
    assert (await tenant.ended(document["id"]))["error"] is None


async def test_documents_that_are_not_split_again(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT)
    path = f"/documents/{document['id']}/rechunk"
    body = {"chunk_tokens": 100, "overlap_tokens": 51}
    problem(await tenant.post(path, json=body), 422, "overlap_tokens")
    problem(await tenant.post(path, json={"chunk_tokens": 15}), 422, "chunk_tokens")
    problem(await tenant.post(path, json={"chunk_tokens": 9000}), 422, "chunk_tokens")
    own = ok(await tenant.post("/documents", json={"filename": "own", "chunks": [{"content": "a"}]}), 202)
    await tenant.ended(own["id"])
    answer = problem(await tenant.post(f"/documents/{own['id']}/rechunk", json={"chunk_tokens": 100}), 409)
    assert "uploaded in chunks" in answer["detail"]


async def test_a_document_that_took_the_name_later_is_not_replaced(shared: Service) -> None:
    """A document replaces others once, when it is ready for the first time."""
    tenant = await new_tenant(shared)
    other = await tenant.ready_document("other.md", "Another text.")
    body = {"filename": "ports.md", "content": TEXT, "on_conflict": "replace"}
    document = ok(await tenant.post("/documents", json=body), 202)
    await tenant.ended(document["id"])
    ok(await tenant.patch(f"/documents/{other['id']}", json={"filename": "ports.md"}))
    await rechunk(tenant, document["id"], 64)
    await tenant.ended(document["id"])
    ok(await tenant.get(f"/documents/{other['id']}"))
