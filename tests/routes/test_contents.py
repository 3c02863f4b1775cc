"""Replaces the bytes of a document: searches find the old chunks until the new bytes have been read."""

from __future__ import annotations

from typing import Any

import httpx

from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

FIRST, SECOND = "The Moon is 384,400 km away.", "The Sun is 150 million km away. " * 40


async def put(tenant: Tenant, document_id: str, content: bytes, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/octet-stream", **headers}
    return await tenant.service.call(
        "PUT", f"/documents/{document_id}/content", tenant.key, content=content, headers=sent
    )


async def found(tenant: Tenant) -> set[str]:
    results = ok(await tenant.post("/search", json={"query": "away", "limit": 100, "mode": "keyword"}))["results"]
    return {result["content"] for result in results}


async def totals(tenant: Tenant) -> dict[str, Any]:
    async with direct_connection(tenant.service) as connection:
        row = await connection.fetchrow(
            "select document_count, byte_count, chunk_count from tenant_totals where user_id = $1", tenant.id
        )
        return dict(row)


async def test_the_bytes_are_replaced_and_all_else_stays(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("far.txt", FIRST, topic="sky")
    path = f"/documents/{document['id']}"
    conversation = await tenant.conversation(document_ids=[document["id"]])
    begun = ok(await put(tenant, document["id"], SECOND.encode()), 202)
    assert (begun["id"], begun["file_size"], begun["metadata"]) == (document["id"], len(SECOND), {"topic": "sky"})
    seen = [await found(tenant)]
    while (state := ok(await tenant.get(path)))["status"] == "processing":
        seen.append(await found(tenant))
    assert (state["status"], state["error"]) == ("ready", None)
    after = await found(tenant)
    assert FIRST not in after
    assert all(each in ({FIRST}, after) for each in seen), "a search found neither the earlier chunks nor the new ones"
    assert (await tenant.get(f"{path}/content")).content == SECOND.encode()
    assert ok(await tenant.get(f"/conversations/{conversation['id']}"))["document_ids"] == [document["id"]]
    assert await totals(tenant) == {
        "document_count": 1, "byte_count": len(SECOND), "chunk_count": state["chunk_count"],
    }  # fmt: skip


async def test_large_bytes_take_the_place_of_small_ones_and_back(idle: Service) -> None:
    tenant = await new_tenant(idle)
    document = await tenant.upload("far.txt", FIRST)
    for content in (b"0123456789abcde\n" * 2**17, SECOND.encode(), b"0123456789abcde\n" * (2**16 + 1), b"x" * 2**20):
        changed = ok(await put(tenant, document["id"], content), 202)
        assert changed["file_size"] == len(content) == (await totals(tenant))["byte_count"]
        assert (await tenant.get(f"/documents/{document['id']}/content")).content == content


async def test_bytes_that_cannot_be_read_leave_the_earlier_chunks(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("far.txt", FIRST)
    ok(await put(tenant, document["id"], b"%PDF-1.7 and nothing more"), 202)
    ended = await tenant.ended(document["id"])
    assert (ended["status"], ended["chunk_count"], ended["file_type"]) == ("error", 1, "pdf")
    assert await found(tenant) == {FIRST}
    ok(await put(tenant, document["id"], SECOND.encode()), 202)
    assert (await tenant.ended(document["id"]))["status"] == "ready"
    assert FIRST not in await found(tenant)


async def test_only_the_version_in_if_match_is_replaced(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("far.txt", FIRST)
    path = f"/documents/{document['id']}"
    for tag in ((await tenant.get(path)).headers["etag"], (await tenant.get(f"{path}/content")).headers["etag"], "*"):
        ok(await put(tenant, document["id"], SECOND.encode(), **{"If-Match": tag}), 202)
        await tenant.ended(document["id"])
        if tag != "*":
            problem(await put(tenant, document["id"], b"x", **{"If-Match": tag}), 412, "If-Match")
            ok(await put(tenant, document["id"], FIRST.encode()), 202)
            await tenant.ended(document["id"])


async def test_unreadable_contents_and_unknown_documents_are_refused(idle: Service) -> None:
    tenant = await new_tenant(idle)
    document = await tenant.upload("far.txt", FIRST)
    problem(await put(tenant, document["id"], b""), 422, "content")
    problem(await put(tenant, document["id"], b"GIF89a\1\0\1\0"), 415, "content")
    problem(await put(tenant, document["id"], b"x", **{"Content-Type": "multipart/form-data; boundary=a"}), 415)
    problem(await put(tenant, tenant.id, b"x"), 404)
    # A document in processing is read again, and a worker with the earlier bytes changes nothing.
    again = ok(await put(tenant, document["id"], SECOND.encode()), 202)
    assert (again["status"], again["attempt"]) == ("processing", 1)
    async with direct_connection(idle) as connection:
        await connection.execute("insert into plans (name, max_bytes) values ('few-bytes', 2000)")
        await connection.execute("update users set plan = 'few-bytes' where id = $1", tenant.id)
    problem(await put(tenant, document["id"], b"x" * 2001), 403)
    ok(await put(tenant, document["id"], b"x" * 2000), 202)
    assert (await totals(tenant))["byte_count"] == 2000


async def test_the_declared_encoding_of_new_bytes_is_theirs(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("far.txt", FIRST)
    russian = "Луна далеко, и до неё триста тысяч километров."
    for codec, declared in (("windows-1251", "text/plain; charset=windows-1251"), ("utf-8", "text/plain")):
        await put(tenant, document["id"], russian.encode(codec), **{"Content-Type": declared})
        while ok(await tenant.get(f"/documents/{document['id']}"))["status"] == "processing":
            pass
        assert (await tenant.get(f"/documents/{document['id']}/text")).text == russian
