"""All lists are paged in the same way: no item is skipped or repeated, whatever changes between two pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from svc.app import all_endpoints
from tests.conftest import ADMIN_KEY
from tests.routes.answers import done, ok
from tests.routes.endpoints import name_of
from tests.routes.tenants import Tenant, new_tenant

MORE = " ".join(f"Sentence {number} speaks of subject {number * 7}." for number in range(90))


async def some_users(tenant: Tenant) -> tuple[str, list[Any]]:
    ids = [tenant.id] + [(await new_tenant(tenant.service)).id for _ in range(6)]
    return "/users", ids[::-1]


async def some_keys(tenant: Tenant) -> tuple[str, list[Any]]:
    first = ok(await tenant.get("/keys"))["data"][0]["id"]
    ids = [first] + [ok(await tenant.post("/keys", json={}), 201)["key"]["id"] for _ in range(6)]
    return "/keys", ids[::-1]


async def some_documents(tenant: Tenant) -> tuple[str, list[Any]]:
    ids = [(await tenant.upload(f"{number}.txt", "text"))["id"] for number in range(7)]
    return "/documents", ids[::-1]


async def some_documents_of_a_status(tenant: Tenant) -> tuple[str, list[Any]]:
    contents = ["text", " \n"] * 7
    ids = [(await tenant.upload(f"{number}.txt", content))["id"] for number, content in enumerate(contents)]
    assert {(await tenant.ended(id_))["status"] for id_ in ids[1::2]} == {"error"}
    for id_ in ids[::2]:
        assert (await tenant.ended(id_))["status"] == "ready"
    return "/documents?status=error", ids[1::2][::-1]


async def some_chunks(tenant: Tenant) -> tuple[str, list[Any]]:
    document = await tenant.ready_document("long.txt", MORE)
    chunks = await tenant.chunks(document["id"])
    assert len(chunks) >= 7
    return f"/documents/{document['id']}/chunks", [chunk["id"] for chunk in chunks]


async def some_conversations(tenant: Tenant) -> tuple[str, list[Any]]:
    ids = [(await tenant.conversation())["id"] for _ in range(7)]
    return "/conversations", ids[::-1]


async def some_conversations_with_messages(tenant: Tenant) -> tuple[str, list[Any]]:
    _, ids = await some_conversations(tenant)
    for id_ in ids:
        body = [{"role": "user", "content": f"{number}"} for number in range(4)]
        ok(await tenant.post(f"/conversations/{id_}/messages", json=body), 201)
    return "/conversations?recent=2", ids


async def some_messages(tenant: Tenant) -> tuple[str, list[Any]]:
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    body = [{"role": "user", "content": f"{number}"} for number in range(7)]
    return path, [message["id"] for message in ok(await tenant.post(path, json=body), 201)["data"]]


async def some_collections(tenant: Tenant) -> tuple[str, list[Any]]:
    ids = [ok(await tenant.post("/collections", json={}), 201)["id"] for _ in range(7)]
    return "/collections", ids[::-1]


async def some_shared_collections(tenant: Tenant) -> tuple[str, list[Any]]:
    owner = await new_tenant(tenant.service)
    _, ids = await some_collections(owner)
    for id_ in ids:
        ok(await owner.service.call("PUT", f"/collections/{id_}/readers/{tenant.id}", owner.key))
    return "/collections?shared=true", ids


async def some_readers_of_a_collection(tenant: Tenant) -> tuple[str, list[Any]]:
    path = f"/collections/{ok(await tenant.post('/collections', json={}), 201)['id']}/readers"
    others = [await new_tenant(tenant.service) for _ in range(7)]
    shares = [ok(await tenant.service.call("PUT", f"{path}/{other.id}", tenant.key)) for other in others]
    return path, [share["id"] for share in shares][::-1]


async def some_files_of_a_collection(tenant: Tenant) -> tuple[str, list[Any]]:
    path = f"/collections/{ok(await tenant.post('/collections', json={}), 201)['id']}/files"
    ids = [(await tenant.upload(f"{number}.txt", "text"))["id"] for number in range(7)]
    for id_ in ids:
        ok(await tenant.post(path, json={"document_id": id_}), 201)
    return path, ids[::-1]


async def some_chunks_of_a_file_of_a_collection(tenant: Tenant) -> tuple[str, list[Any]]:
    path, ids = await some_chunks(tenant)
    document_id, collection = path.split("/")[2], ok(await tenant.post("/collections", json={}), 201)["id"]
    ok(await tenant.post(f"/collections/{collection}/files", json={"document_id": document_id}), 201)
    return f"/collections/{collection}/files/{document_id}/chunks", ids


LISTS: list[tuple[str, Callable[[Tenant], Awaitable[tuple[str, list[Any]]]]]] = [
    ("GET /users", some_users),
    ("GET /keys", some_keys),
    ("GET /documents", some_documents),
    ("GET /documents", some_documents_of_a_status),
    ("GET /documents/{document_id}/chunks", some_chunks),
    ("GET /conversations", some_conversations),
    ("GET /conversations", some_conversations_with_messages),
    ("GET /conversations/{conversation_id}/messages", some_messages),
    ("GET /collections", some_collections),
    ("GET /collections", some_shared_collections),
    ("GET /collections/{collection_id}/files", some_files_of_a_collection),
    ("GET /collections/{collection_id}/files/{document_id}/chunks", some_chunks_of_a_file_of_a_collection),
    ("GET /collections/{collection_id}/readers", some_readers_of_a_collection),
]
EACH_LIST = pytest.mark.parametrize("make", [make for _, make in LISTS])


def key_for(path: str, tenant: Tenant) -> str:
    return ADMIN_KEY if path == "/users" else tenant.key


def ids_in(page: dict[str, Any]) -> list[str]:
    """The ids of a page; a file of a collection has the id of its document."""
    return [item["id"] if "id" in item else item["document_id"] for item in page["data"]]


async def pages(tenant: Tenant, path: str, limit: int, after: str | None = None) -> list[list[str]]:
    """The ids of all pages, starting after `after`."""
    found: list[list[str]] = []
    while True:
        parameters = {"limit": str(limit)} | ({"after": after} if after is not None else {})
        url = tenant.service.client.build_request("GET", path).url.copy_merge_params(parameters)
        page = ok(await tenant.service.call("GET", str(url), key_for(path, tenant)))
        assert page.keys() == {"data", "next"}
        found.append(ids_in(page))
        assert len(found) < 1000, "the pages never end"
        after = page["next"]
        if after is None:
            return found
        assert len(found[-1]) == limit, "only the last page may be short"


def test_every_paged_list_is_tested() -> None:
    queries = [(endpoint, endpoint.query) for endpoint in all_endpoints() if endpoint.query is not None]
    paged = {name_of(endpoint) for endpoint, query in queries if "after" in query.__struct_fields__}
    # The list of users by usage has a key of two parts: tests/routes/test_usage.py.
    assert paged - {"GET /usage/users"} == {name for name, _ in LISTS}


@EACH_LIST
async def test_the_pages_together_are_the_list(
    tenant: Tenant, make: Callable[[Tenant], Awaitable[tuple[str, list[Any]]]]
) -> None:
    path, ids = await make(tenant)
    limits = {1, 3, len(ids) - 1, len(ids), len(ids) + 1}
    if path == "/users":  # other tests have also created users
        everything = [id_ for page in await pages(tenant, path, 100) for id_ in page]
        assert everything[: len(ids)] == ids, "newest first"
        ids, limits = everything, {37, 99}
    for limit in limits:
        found = await pages(tenant, path, limit)
        assert [id_ for page in found for id_ in page] == ids
        assert found[-1], "no page is empty"


@EACH_LIST
async def test_the_default_limit_is_20(
    tenant: Tenant, make: Callable[[Tenant], Awaitable[tuple[str, list[Any]]]]
) -> None:
    path, ids = await make(tenant)
    page = ok(await tenant.service.call("GET", path, key_for(path, tenant)))
    assert ids_in(page)[:7] == ids[:7]
    assert len(page["data"]) <= 20
    assert (page["next"] is None) == (len(page["data"]) < 20)


@pytest.mark.parametrize("make", [some_keys, some_documents, some_conversations])
async def test_new_items_do_not_appear_on_later_pages(
    tenant: Tenant, make: Callable[[Tenant], Awaitable[tuple[str, list[Any]]]]
) -> None:
    path, ids = await make(tenant)
    first = ok(await tenant.get(path, params={"limit": 3}))
    _, newer = await make(tenant)
    rest = await pages(tenant, path, 3, first["next"])
    assert [id_ for page in rest for id_ in page] == ids[3:]
    assert not set(newer[:6]) & {id_ for page in rest for id_ in page}


async def test_paging_continues_after_a_deleted_cursor(tenant: Tenant) -> None:
    for make in (some_documents, some_conversations):
        path, ids = await make(tenant)
        first = ok(await tenant.get(path, params={"limit": 3}))
        done(await tenant.delete(f"{path}/{first['next']}"))
        rest = await pages(tenant, path, 3, first["next"])
        assert [id_ for page in rest for id_ in page] == ids[3:]


async def test_messages_appended_meanwhile_are_on_the_last_page(tenant: Tenant) -> None:
    path, ids = await some_messages(tenant)
    first = ok(await tenant.get(path, params={"limit": 3}))
    appended = ok(await tenant.post(path, json={"role": "user", "content": "new"}), 201)["data"]
    rest = await pages(tenant, path, 3, first["next"])
    assert [id_ for page in rest for id_ in page] == [*ids[3:], appended[0]["id"]]


async def test_a_position_counts_from_the_first(tenant: Tenant) -> None:
    """Positions of chunks start at 0, so 0 is a cursor; positions of messages start at 1."""
    path, ids = await some_chunks(tenant)
    assert [item["id"] for item in ok(await tenant.get(path, params={"after": "0"}))["data"]][:3] == ids[1:4]
    assert [item["id"] for item in ok(await tenant.get(path, params={"after": "-1"}))["data"]][:3] == ids[:3]
    path, ids = await some_messages(tenant)
    assert [item["id"] for item in ok(await tenant.get(path, params={"after": "0"}))["data"]] == ids
    assert [item["id"] for item in ok(await tenant.get(path, params={"after": "1"}))["data"]] == ids[1:]
    assert ok(await tenant.get(path, params={"after": str(2**31 - 1)})) == {"data": [], "next": None}
