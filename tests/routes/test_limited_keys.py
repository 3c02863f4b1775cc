"""Keys that are limited to one collection: most routes refuse them, and the others show only objects in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from svc.app import all_endpoints, openai_endpoints
from svc.web.routing import Endpoint
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.endpoints import PATH_ID, ids_of, name_of
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

INSIDE = "The buoys are red."
SECRET = "The lighthouse is white."
FOREIGN = "The harbour is closed."
ENDPOINTS = [endpoint for endpoint in [*all_endpoints(), *openai_endpoints()] if endpoint.access != "public"]
READS = {
    "GET /me",
    "POST /search",
    "GET /documents",
    "GET /documents/{document_id}",
    "GET /documents/{document_id}/content",
    "GET /documents/{document_id}/text",
    "GET /documents/{document_id}/chunks",
    "GET /chunks/{chunk_id}",
    "GET /collections",
    "GET /collections/{collection_id}",
    "GET /collections/{collection_id}/files",
    "GET /collections/{collection_id}/files/{document_id}",
    "GET /collections/{collection_id}/files/{document_id}/chunks",
    "GET /collections/{collection_id}/batches/{batch_id}",
    "GET /v1/files/{file_id}",
    "GET /v1/files/{file_id}/content",
    "GET /v1/vector_stores",
    "GET /v1/vector_stores/{store_id}",
    "GET /v1/vector_stores/{store_id}/files",
    "GET /v1/vector_stores/{store_id}/files/{file_id}",
    "GET /v1/vector_stores/{store_id}/files/{file_id}/content",
    "GET /v1/vector_stores/{store_id}/file_batches/{batch_id}",
    "GET /v1/vector_stores/{store_id}/file_batches/{batch_id}/files",
    "POST /v1/vector_stores/{store_id}/search",
}
WRITES = {
    "POST /documents",
    "DELETE /documents/{document_id}",
    "POST /collections/{collection_id}/files",
    "PATCH /collections/{collection_id}/files/{document_id}",
    "DELETE /collections/{collection_id}/files/{document_id}",
    "POST /collections/{collection_id}/batches",
    "POST /collections/{collection_id}/batches/{batch_id}/cancel",
    "POST /v1/files",
    "DELETE /v1/files/{file_id}",
    "POST /v1/vector_stores/{store_id}/files",
    "POST /v1/vector_stores/{store_id}/files/{file_id}",
    "DELETE /v1/vector_stores/{store_id}/files/{file_id}",
    "POST /v1/vector_stores/{store_id}/file_batches",
    "POST /v1/vector_stores/{store_id}/file_batches/{batch_id}/cancel",
}


@dataclass(frozen=True)
class Scene:
    """A user with two collections, a key for one of them, and a collection that another user shares with everyone."""

    tenant: Tenant
    limited: Tenant
    inside: dict[str, str]
    outside: dict[str, str]
    foreign: dict[str, str]


def with_dialect(ids: dict[str, str]) -> dict[str, str]:
    """Add the ids of the OpenAI dialect."""
    return {
        **ids,
        "store_id": f"vs_{UUID(ids['collection_id']).hex}",
        "file_id": f"file-{UUID(ids['document_id']).hex}",
    }


async def limited_key(tenant: Tenant, collection_id: str, *scopes: str) -> Tenant:
    """The user with a key that is limited to one collection."""
    body = {"collection_id": collection_id, "scopes": scopes or ("read", "write")}
    created = ok(await tenant.post("/keys", json=body), 201)
    assert created["key"]["collection_id"] == collection_id
    return Tenant(tenant.service, tenant.id, created["api_key"])


async def new_scene(service: Service) -> Scene:
    """Make a scene."""
    tenant, other = await new_tenant(service), await new_tenant(service)
    inside, outside, foreign = await ids_of(tenant, INSIDE), await ids_of(tenant, SECRET), await ids_of(other, FOREIGN)
    shared = f"/collections/{foreign['collection_id']}/readers/{tenant.id}"
    ok(await service.call("PUT", shared, other.key))
    limited = await limited_key(tenant, inside["collection_id"])
    return Scene(tenant, limited, with_dialect(inside), with_dialect(outside), with_dialect(foreign))


@pytest_asyncio.fixture(scope="module")
async def scene(shared: Service) -> Scene:
    """A setup that no test changes."""
    return await new_scene(shared)


async def sent(caller: Tenant, endpoint: Endpoint, ids: dict[str, str]) -> httpx.Response:
    """Send a request with the documented example, or without a body."""
    ids = {name: str(uuid4()) for name in PATH_ID.findall(endpoint.path)} | ids
    if endpoint.path.startswith("/v1/"):
        ids = {**ids, "batch_id": f"vsfb_{UUID(ids['batch_id']).hex}"}
    options: dict[str, Any] = {}
    if name_of(endpoint).endswith("search"):
        options["json"] = {"query": "What colour is it?"}
    elif endpoint.is_within and "example" in endpoint.extra:
        named = {"document_id": ids["document_id"], "files": [{"document_id": ids["document_id"]}]}
        named |= {"file_id": ids["file_id"], "file_ids": [ids["file_id"]]} if "/v1/" in endpoint.path else {}
        example = endpoint.extra["example"]
        options["json"] = {**example, **{name: named[name] for name in named.keys() & set(example)}}
    path = endpoint.path.replace(":path", "").format_map({**ids, "model": "local"})
    return await caller.service.call(endpoint.method, path, caller.key, **options)


def shows(answer: httpx.Response, hidden: str, ids: dict[str, str]) -> bool:
    """Whether an answer contains a part of a text or the id of an object."""
    names = ("document_id", "chunk_id", "collection_id", "batch_id", "store_id", "file_id", "conversation_id")
    return hidden.rstrip(".") in answer.text or any(ids[name] in answer.text for name in names)


async def test_only_these_routes_accept_a_key_of_one_collection(scene: Scene) -> None:
    assert {name_of(endpoint) for endpoint in ENDPOINTS if endpoint.is_within} == READS | WRITES
    for endpoint in ENDPOINTS:
        if name_of(endpoint) not in READS | WRITES:
            answer = await sent(scene.limited, endpoint, scene.inside)
            assert answer.status_code == 403, name_of(endpoint)
            assert "this API key is limited to one collection" in answer.text, name_of(endpoint)


async def test_a_key_of_one_collection_sees_what_is_in_it_and_nothing_else(scene: Scene) -> None:
    for endpoint in ENDPOINTS:
        name = name_of(endpoint)
        if name not in READS:
            continue
        answer = await sent(scene.limited, endpoint, scene.inside)
        assert answer.status_code == 200, name
        assert not shows(answer, SECRET, scene.outside), name
        assert not shows(answer, FOREIGN, scene.foreign), name
        if name != "GET /me":
            assert shows(answer, INSIDE, scene.inside), name
        for ids, text in ((scene.outside, SECRET), (scene.foreign, FOREIGN)):
            for parameter in PATH_ID.findall(endpoint.path):
                answer = await sent(scene.limited, endpoint, {**scene.inside, parameter: ids[parameter]})
                assert answer.status_code == 404, (name, parameter)
                assert not shows(answer, text, ids), (name, parameter)
                never = await sent(scene.limited, endpoint, {**scene.inside, parameter: nothing(parameter)})
                assert without_id(answer) == without_id(never), (name, parameter)


def nothing(parameter: str) -> str:
    """The id of an object that does not exist."""
    return {"store_id": f"vs_{uuid4().hex}", "file_id": f"file-{uuid4().hex}"}.get(parameter, str(uuid4()))


def without_id(answer: httpx.Response) -> str:
    """An answer without the id of its request."""
    return answer.text.replace(answer.headers["x-request-id"], "")


async def test_a_key_of_one_collection_changes_nothing_outside_it(shared: Service) -> None:
    scene = await new_scene(shared)
    before = await stored(scene)
    for endpoint in ENDPOINTS:
        name = name_of(endpoint)
        if name not in WRITES:
            continue
        for ids in (scene.outside, scene.foreign):
            for parameter in PATH_ID.findall(endpoint.path):
                answer = await sent(scene.limited, endpoint, {**scene.inside, parameter: ids[parameter]})
                assert answer.status_code == 404, (name, parameter)
    # Ids in bodies: documents outside the collection cannot be added to it.
    for ids in (scene.outside, scene.foreign):
        for document_ids in ([ids["document_id"]], [scene.inside["document_id"], ids["document_id"]]):
            files = [{"document_id": each} for each in document_ids]
            names = [f"file-{UUID(each).hex}" for each in document_ids]
            collection, store = (scene.inside[name] for name in ("collection_id", "store_id"))
            for path, body in (
                (f"/collections/{collection}/files", files[-1]),
                (f"/collections/{collection}/batches", {"files": files}),
                (f"/v1/vector_stores/{store}/files", {"file_id": names[-1]}),
                (f"/v1/vector_stores/{store}/file_batches", {"file_ids": names}),
            ):
                answer = await scene.limited.post(path, json=body)
                assert answer.status_code == (404 if "/v1/" in path else 422), (path, answer.text)
    for on_conflict in ("replace", "skip"):
        upload = {"filename": f"{SECRET}.txt", "content": SECRET, "on_conflict": on_conflict}
        problem(await scene.limited.post("/documents", json=upload), 403)
    assert await stored(scene) == before


async def stored(scene: Scene) -> list[list[str]]:
    """The rows of both users. Rows of other tests change meanwhile."""
    collections = [ids["collection_id"] for ids in (scene.inside, scene.outside, scene.foreign)]
    async with direct_connection(scene.tenant.service) as connection:
        return [
            [
                row[0]
                for row in await connection.fetch(
                    f"select (to_jsonb(t) - 'updated_at')::text from {table} t "
                    "where user_id in (select user_id from collections where id = any($1::uuid[])) order by 1",
                    collections,
                )
            ]
            for table in ("documents", "collection_files", "file_batches")
        ]


async def test_a_key_of_one_collection_adds_and_deletes_in_it(shared: Service) -> None:
    scene = await new_scene(shared)
    collection, limited = scene.inside["collection_id"], scene.limited
    header = {"Idempotency-Key": "the same"}
    upload = {"filename": "moon.txt", "content": "The Moon is grey."}
    earlier = ok(await scene.tenant.post("/documents", json=upload, headers=header), 202)
    problem(await limited.post("/documents", json=upload, headers=header), 422)
    added = await limited.ready_document("moon.txt", "The Moon is grey.")
    form = {"files": {"file": ("sun.txt", b"The Sun is yellow.")}, "data": {"purpose": "assistants"}}
    file = ok(await limited.post("/v1/files", **form))
    place = f"/v1/vector_stores/{scene.inside['store_id']}/files"
    assert ok(await limited.post(place, json={"file_id": file["id"], "attributes": {"kind": "star"}}))["attributes"]
    sun = str(UUID(file["id"].removeprefix("file-")))
    await limited.ended(sun)
    listed = ok(await limited.get(f"/collections/{collection}/files"))["data"]
    assert {each["document_id"] for each in listed} == {scene.inside["document_id"], added["id"], sun}
    found = ok(await limited.post("/search", json={"query": "The Sun is yellow."}))["results"]
    assert found[0]["document_id"] == sun
    assert earlier["id"] not in {each["id"] for each in ok(await limited.get("/documents"))["data"]}
    # Documents that are only in this collection are deleted. Others can only be removed from it.
    other = f"/collections/{scene.outside['collection_id']}/files"
    ok(await scene.tenant.post(other, json={"document_id": added["id"]}), 201)
    assert "other collections" in problem(await limited.delete(f"/documents/{added['id']}"), 409)["detail"]
    tagged = {"If-Match": '"0"'}
    problem(await limited.delete(f"/documents/{scene.outside['document_id']}", headers=tagged), 404)
    assert (await limited.delete(f"/collections/{collection}/files/{added['id']}")).status_code == 204
    problem(await limited.delete(f"/documents/{added['id']}"), 404)
    assert ok(await limited.delete(f"/v1/files/{file['id']}"))["deleted"]
    assert ok(await scene.tenant.get(f"/documents/{added['id']}"))["id"] == added["id"]
    problem(await scene.tenant.get(f"/documents/{sun}"), 404)
    # Nothing can be added to an expired collection.
    ok(await scene.tenant.patch(f"/collections/{collection}", json={"expires_after_s": 1}))
    async with direct_connection(shared) as connection:
        await connection.execute(
            "update collections set expires_at = now() - interval '1 s' where id = $1::uuid", collection
        )
    problem(await limited.post("/documents", json=upload), 409)
    assert (
        len([each for each in ok(await scene.tenant.get("/documents"))["data"] if each["filename"] == "moon.txt"]) == 2
    )


@pytest.mark.parametrize("wanted", ["outside", "foreign"])
async def test_a_search_cannot_name_anything_else(scene: Scene, wanted: str) -> None:
    ids: dict[str, str] = getattr(scene, wanted)
    for options in ({"collection_ids": [ids["collection_id"]]}, {"conversation_id": ids["conversation_id"]}):
        assert problem(await scene.limited.post("/search", json={"query": "colour", **options}), 422)
    mixed = [scene.inside["collection_id"], ids["collection_id"]]
    problem(await scene.limited.post("/search", json={"query": "colour", "collection_ids": mixed}), 422)
    problem(
        await scene.limited.post(
            "/search", json={"query": "colour", "conversation_id": scene.inside["conversation_id"]}
        ),
        422,
    )
    document_ids = [ids["document_id"]]
    assert (
        ok(await scene.limited.post("/search", json={"query": "colour", "document_ids": document_ids}))["results"] == []
    )
    for filter_ in ({"collection_ids": ids["collection_id"]}, {"ids": ids["document_id"]}):
        listed = ok(await scene.limited.get("/documents", params={**filter_, "count": "true"}))
        assert (listed["data"], listed["count"]) == ([], 0)
    own = [scene.inside["collection_id"]]
    found = ok(await scene.limited.post("/search", json={"query": "colour", "collection_ids": own}))["results"]
    assert [each["document_id"] for each in found] == [scene.inside["document_id"]]


async def test_the_lists_of_collections_have_one(scene: Scene) -> None:
    own, last = scene.inside["collection_id"], scene.outside["collection_id"]
    for params, ids in (
        ({}, [own]), ({"shared": "true"}, []), ({"after": own}, []), ({"after": last}, [own]),
    ):  # fmt: skip
        assert [each["id"] for each in ok(await scene.limited.get("/collections", params=params))["data"]] == ids
    store, later = scene.inside["store_id"], scene.outside["store_id"]
    for params, ids in (
        ({"after": store}, []), ({"after": later}, [store]), ({"before": later}, []), ({"before": store}, []),
        ({"after": later, "order": "asc"}, []), ({"before": later, "order": "asc"}, [store]),
    ):  # fmt: skip
        page = ok(await scene.limited.get("/v1/vector_stores", params=params))
        assert ([each["id"] for each in page["data"]], page["has_more"]) == (ids, False)
    me = ok(await scene.limited.get("/me"))
    assert me["collection_id"] == own
    assert (me["id"], me["email"], me["external_id"], me["preferences"]) == (scene.tenant.id, None, None, {})


async def test_files_that_left_the_collection_are_no_longer_seen(shared: Service) -> None:
    scene = await new_scene(shared)
    document, chunk = scene.inside["document_id"], scene.inside["chunk_id"]
    place = f"/collections/{scene.inside['collection_id']}/files/{document}"
    assert (await scene.tenant.delete(place)).status_code == 204
    for path in (f"/documents/{document}", f"/documents/{document}/text", f"/chunks/{chunk}", place):
        problem(await scene.limited.get(path), 404)
    assert ok(await scene.limited.post("/search", json={"query": INSIDE}))["results"] == []
    assert ok(await scene.limited.get("/documents"))["data"] == []
    assert ok(await scene.tenant.get(f"/documents/{document}"))["id"] == document


async def test_a_key_ends_with_its_collection(shared: Service) -> None:
    for store in (False, True):
        scene = await new_scene(shared)
        keys = (await rows_of(shared, scene.tenant.id))["api_keys"]
        created = ok(await scene.tenant.post("/keys", json={"collection_id": scene.inside["collection_id"]}), 201)
        assert (await scene.tenant.delete(f"/keys/{created['key']['id']}")).status_code == 204
        path = (
            f"/v1/vector_stores/{scene.inside['store_id']}"
            if store
            else f"/collections/{scene.inside['collection_id']}"
        )
        assert (await scene.tenant.delete(path)).is_success
        problem(await scene.limited.get("/collections"), 401)
        assert (await rows_of(shared, scene.tenant.id))["api_keys"] == keys - 1
        quotas = ok(await scene.tenant.get("/me/quotas"))
        assert next(each for each in quotas["quotas"] if each["quota"] == "keys")["used"] == 1


async def test_a_key_is_for_a_collection_of_its_user(scene: Scene) -> None:
    for wrong in (str(uuid4()), scene.foreign["collection_id"]):
        assert (
            problem(await scene.tenant.post("/keys", json={"collection_id": wrong}), 422)["errors"][0]["field"]
            == "collection_id"
        )
    listed = ok(await scene.tenant.get("/keys"))["data"]
    assert [each["collection_id"] for each in listed] == [scene.inside["collection_id"], None]


async def test_a_reading_key_of_one_collection_changes_nothing(scene: Scene) -> None:
    reading = await limited_key(scene.tenant, scene.inside["collection_id"], "read")
    for endpoint in ENDPOINTS:
        if endpoint.changes:
            answer = await sent(reading, endpoint, scene.inside)
            assert answer.status_code == 403, name_of(endpoint)
            assert "this API key can only read" in answer.text, name_of(endpoint)
