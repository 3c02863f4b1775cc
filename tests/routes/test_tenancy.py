"""The third level of isolation between tenants, tested on every route.

The answers to an id of another tenant and to an id that does not exist must be equal, to the byte. The cases are
derived from the routes: from the parameters of their paths, and from every UUID in the types of their bodies and
queries. A new route with a new kind of id fails here until it has a case.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from svc.app import all_endpoints
from svc.database.queries import Database
from svc.embedded.server import EmbeddedServer
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, ROW_SECURITY, Service, test_settings
from tests.routes.answers import ok, problem, statements
from tests.routes.endpoints import PATH_ID, ids_of, name_of, path_of, send
from tests.routes.row_guard import raise_guard, tenants_told
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of, shared_service

UUID_TEXT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
SECRET = "The submarine of the second tenant is yellow."
OWN = "The submarine of the first tenant is green."


@dataclass(frozen=True)
class Pair:
    """Two tenants, each with one object of every kind. The first tries to reach the objects of the second."""

    first: Tenant
    second: Tenant
    own: dict[str, str]
    foreign: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service whose database refuses every statement that reaches another tenant's row."""
    # Keys stay cached: looking one up again would change the number of statements, which is part of the answer.
    settings = test_settings(key_cache_s=60)
    with tenants_told():
        async with shared_service(server, template, "shared_tenancy", settings) as service:
            await raise_guard(service.url)
            yield service


@pytest_asyncio.fixture(scope="module")
async def pair(shared: Service) -> Pair:
    """Two tenants of the shared service."""
    first, second = await new_tenant(shared), await new_tenant(shared)
    own, foreign = await ids_of(first, OWN), await ids_of(second, SECRET)
    for tenant, ids in ((first, own), (second, foreign)):
        ids["chunk_id"] = (await tenant.chunks(ids["document_id"]))[0]["id"]
    for tenant in (first, second):
        # The first search fills a cache for the next ones, so it takes another statement.
        ok(await tenant.post("/search", json={"query": "sea"}))
        ok(await tenant.post("/conversations/search", json={"query": "sea"}))
    return Pair(first, second, own, foreign)


# --- ids in requests


def uuid_fields(type_: Any, path: str = "") -> Iterator[str]:
    """Yield every path of a UUID in a type, such as `document_ids[]` or `[].sources[]`."""
    node = msgspec.inspect.type_info(type_) if not isinstance(type_, msgspec.inspect.Type) else type_
    if isinstance(node, msgspec.inspect.UUIDType):
        yield path
    elif isinstance(node, msgspec.inspect.Metadata):
        yield from uuid_fields(node.type, path)
    elif isinstance(node, msgspec.inspect.UnionType):
        for option in node.types:
            yield from uuid_fields(option, path)
    elif isinstance(node, msgspec.inspect.CollectionType):
        yield from uuid_fields(node.item_type, f"{path}[]")
    elif isinstance(node, msgspec.inspect.StructType):
        for field in node.fields:
            yield from uuid_fields(field.type, f"{path}.{field.encode_name}".lstrip("."))


def id_places() -> set[tuple[str, str, str]]:
    """Return (route, path or body or query, field) of every id in the requests of the routes."""
    places = set()
    for endpoint in all_endpoints():
        places |= {(name_of(endpoint), "path", parameter) for parameter in PATH_ID.findall(endpoint.path)}
        for kind, type_ in (("body", endpoint.body or endpoint.extra.get("upload")), ("query", endpoint.query)):
            if type_ is not None:
                places |= {(name_of(endpoint), kind, field) for field in uuid_fields(type_)}
    return places


MESSAGE = {"role": "user", "content": "Hello"}
# For each id in a body: the kind of object, and a body with the id, among valid ids where possible.
BODIES: dict[tuple[str, str], tuple[str, Any]] = {
    ("POST /keys", "collection_id"): ("collection_id", lambda own, id_: {"name": "k", "collection_id": id_}),
    ("POST /search", "document_ids[]"): ("document_id", lambda own, id_: {"query": "sea", "document_ids": [id_]}),
    ("POST /search", "conversation_id"): ("conversation_id", lambda own, id_: {"query": "sea", "conversation_id": id_}),
    ("POST /search", "collection_ids[]"): ("collection_id", lambda own, id_: {"query": "sea", "collection_ids": [id_]}),
    ("POST /documents/delete", "collection_ids[]"): ("collection_id", lambda own, id_: {"collection_ids": [id_]}),
    ("POST /documents/retry", "collection_ids[]"): ("collection_id", lambda own, id_: {"collection_ids": [id_]}),
    ("POST /collections/{collection_id}/files", "document_id"): (
        "document_id",
        lambda own, id_: {"document_id": id_, "attributes": {"planted": True}},
    ),
    ("POST /collections/{collection_id}/batches", "files[].document_id"): (
        "document_id",
        lambda own, id_: {"files": [{"document_id": id_, "attributes": {"planted": True}}]},
    ),
    ("POST /conversations/{conversation_id}/turn", "search.document_ids[]"): (
        "document_id",
        lambda own, id_: {"query": "sea", "search": {"document_ids": [id_]}},
    ),
    ("POST /conversations/{conversation_id}/turn", "search.conversation_id"): (
        "conversation_id",
        lambda own, id_: {"query": "sea", "search": {"conversation_id": id_}},
    ),
    ("POST /conversations/{conversation_id}/turn", "search.collection_ids[]"): (
        "collection_id",
        lambda own, id_: {"query": "sea", "search": {"collection_ids": [id_]}},
    ),
    ("POST /documents/delete", "document_ids[]"): ("document_id", lambda own, id_: {"document_ids": [id_]}),
    ("POST /documents/retry", "document_ids[]"): ("document_id", lambda own, id_: {"document_ids": [id_]}),
    ("POST /documents/metadata", "after"): (
        "document_id",
        lambda own, id_: {"document_ids": [], "after": id_, "patch": {"planted": True}},
    ),
    ("POST /documents/metadata", "document_ids[]"): (
        "document_id",
        lambda own, id_: {"document_ids": [id_], "patch": {"planted": True}},
    ),
    ("POST /conversations", "document_ids[]"): (
        "document_id",
        lambda own, id_: {"title": "t", "document_ids": [own["document_id"], id_]},
    ),
    ("PATCH /conversations/{conversation_id}", "document_ids[]"): (
        "document_id",
        lambda own, id_: {"document_ids": [own["document_id"], id_]},
    ),
    ("POST /conversations", "collection_ids[]"): (
        "collection_id",
        lambda own, id_: {"title": "t", "collection_ids": [id_]},
    ),
    ("PATCH /conversations/{conversation_id}", "collection_ids[]"): (
        "collection_id",
        lambda own, id_: {"title": "t", "collection_ids": [id_]},
    ),
    ("POST /conversations/{conversation_id}/messages", "sources[]"): (
        "chunk_id",
        lambda own, id_: {**MESSAGE, "sources": [own["chunk_id"], id_]},
    ),
    ("POST /conversations/{conversation_id}/messages", "[].sources[]"): (
        "chunk_id",
        lambda own, id_: [MESSAGE, {**MESSAGE, "sources": [id_]}],
    ),
}
# Ids in requests that only the admin sends: tests/routes/test_transfers.py.
OF_THE_ADMIN = {
    ("POST /documents/transfer", "document_ids[]"),
}
# A cursor is compared, not looked up: with the id of another tenant, the list still shows only the caller's rows.
CURSORS: dict[str, str] = {
    "GET /users": "user_id",
    "GET /keys": "key_id",
    "GET /documents": "document_id",
    "GET /conversations": "conversation_id",
    "GET /collections": "collection_id",
}


def test_every_id_in_a_request_has_a_case() -> None:
    places = id_places()
    in_bodies = {(route, field) for route, kind, field in places if kind == "body"}
    assert in_bodies == BODIES.keys() | OF_THE_ADMIN
    acting = {name_of(endpoint) for endpoint in all_endpoints() if endpoint.access == "acting"}
    assert {route for route, _ in OF_THE_ADMIN} <= acting
    # The cursors of other lists also contain an order, so their type is a string.
    assert {(route, field) for route, kind, field in places if kind == "query"} == {
        ("GET /users", "after"), ("GET /keys", "after"), ("GET /collections", "after"),
        ("GET /collections/{collection_id}/readers", "after"),
        ("GET /collections/{collection_id}/files", "after"),
        ("GET /collections/{collection_id}/files", "batch_id"),
    }  # fmt: skip
    in_paths = [route for route, kind, _ in places if kind == "path"]
    assert len(in_paths) >= 14, "the routes with an id in their path were not found"
    assert {field for _, kind, field in places if kind == "path"} == {
        "user_id", "key_id", "document_id", "chunk_id", "conversation_id", "message_id", "collection_id",
        "batch_id",
    }  # fmt: skip


def told(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]], int]:
    """Return everything that a client can observe in an answer, except its request id and times."""
    number = answer.headers["x-request-id"].encode()
    headers = [item for item in answer.headers.items() if item[0] not in ("x-request-id", "server-timing")]
    return answer.status_code, answer.content.replace(number, b"(number)"), headers, statements(answer)


async def alike(ask: Callable[[str], Awaitable[httpx.Response]], ids: Sequence[str]) -> list[httpx.Response]:
    """Ask for each id, and assert that a client cannot tell the answers apart.

    A cache entry that expires between two requests adds a statement to one answer, but not in each of several rounds.
    """
    for _ in range(4):
        answers = [await ask(id_) for id_ in ids]
        first, *others = [told(answer) for answer in answers]
        if all(other == first for other in others):
            return answers
    assert others == [first] * len(others)
    raise AssertionError


COUNTED = ["last_used_at", "token_count", "token_month"]
# A refused request also counts as a use of a collection.
USED = [*COUNTED, "last_active_at"]


async def fingerprint(tenant: Tenant, left_out: Sequence[str] = COUNTED) -> dict[str, Any]:
    """Return all stored data of a tenant, except some columns, the counts of requests and samples of terms.

    The background takes the samples at any time.
    """
    tables = (await rows_of(tenant.service, tenant.id)).keys() - {"usage_days", "term_samples", "term_stats"}
    rows = [
        f"select '{table}', (to_jsonb(t) - $2::text[])::text from {table} t where {owner} = $1::uuid"
        for table, owner in [*((table, "user_id") for table in sorted(tables)), ("users", "id")]
    ]
    stored: dict[str, Any] = {}
    async with direct_connection(tenant.service) as connection:
        for table, row in await connection.fetch(" union all ".join(rows) + " order by 1, 2", tenant.id, left_out):
            stored.setdefault(table, []).append(row)
    return stored


# --- isolation

WITH_PATH_ID = [endpoint for endpoint in all_endpoints() if PATH_ID.search(endpoint.path)]


@pytest.mark.parametrize("endpoint", WITH_PATH_ID, ids=name_of)
async def test_an_id_of_another_tenant_in_the_path_is_like_an_unknown_id(pair: Pair, endpoint: Endpoint) -> None:
    before = await fingerprint(pair.second)

    async def answer_to(parameter: str, id_: str) -> httpx.Response:
        return await send(pair.first.service, endpoint, {**pair.own, parameter: id_}, pair.first.key)

    for parameter in PATH_ID.findall(endpoint.path):
        unknown = (str(uuid4()), str(UUID(int=0)), str(UUID(int=2**128 - 1)))
        theirs, *_ = await alike(partial(answer_to, parameter), [pair.foreign[parameter], *unknown])
        problem(theirs, 404)
        # This one needs no statement.
        assert told(await answer_to(parameter, "no-id"))[:3] == told(theirs)[:3]
    assert await fingerprint(pair.second) == before


@pytest.mark.parametrize("case", BODIES, ids=lambda case: f"{case[0]} {case[1]}")
async def test_an_id_of_another_tenant_in_the_body_is_like_an_unknown_id(pair: Pair, case: tuple[str, str]) -> None:
    (endpoint,) = [endpoint for endpoint in all_endpoints() if name_of(endpoint) == case[0]]
    kind, body = BODIES[case]
    stored = [await fingerprint(pair.first, USED), await fingerprint(pair.second)]
    answers = await alike(
        lambda id_: send(pair.first.service, endpoint, pair.own, pair.first.key, json=body(pair.own, id_)),
        [pair.foreign[kind], str(uuid4()), str(UUID(int=0))],
    )
    assert answers[0].status_code in (200, 202, 422)
    assert SECRET not in answers[0].text
    assert [await fingerprint(pair.first, USED), await fingerprint(pair.second)] == stored


@pytest.mark.parametrize("case", BODIES, ids=lambda case: f"{case[0]} {case[1]}")
async def test_the_tenants_own_id_in_the_same_body_is_accepted(shared: Service, case: tuple[str, str]) -> None:
    """Control of the previous test: the same request with the tenant's own id succeeds."""
    tenant = await new_tenant(shared)
    own = await ids_of(tenant)
    own["chunk_id"] = (await tenant.chunks(own["document_id"]))[0]["id"]
    (endpoint,) = [endpoint for endpoint in all_endpoints() if name_of(endpoint) == case[0]]
    kind, body = BODIES[case]
    answer = await send(shared, endpoint, own, tenant.key, json=body(own, own[kind]))
    assert answer.status_code in (200, 201, 202), answer.text
    if case[0] == "POST /search":
        assert ok(answer)["results"]


@pytest.mark.parametrize("endpoint", WITH_PATH_ID, ids=name_of)
async def test_the_tenants_own_id_in_the_same_path_is_accepted(pair: Pair, endpoint: Endpoint) -> None:
    service = pair.first.service
    tenant = pair.first if endpoint.method == "GET" else await new_tenant(service)
    ids = pair.own if endpoint.method == "GET" else await ids_of(tenant)
    answer = await send(service, endpoint, ids, tenant.key)
    # 403: the example that changes a user may contain the plan, which only the admin can change. 409: the document has
    # not failed.
    expected = {"POST /documents/{document_id}/retry": 409}.get(name_of(endpoint), endpoint.status)
    assert answer.status_code == expected, answer.text


async def test_a_user_cannot_act_for_another_tenant(pair: Pair) -> None:
    """With a user's key, the header is refused equally for all ids; only the admin learns which users exist."""
    for endpoint in all_endpoints():
        if endpoint.access in ("any", "user"):
            seen = {
                told(await send(pair.first.service, endpoint, pair.own, pair.first.key, headers=acting))[:2]
                for acting in ({"Cabinet-User": id_} for id_ in (pair.second.id, pair.first.id, str(uuid4())))
            }
            assert len(seen) == 1
            assert seen.pop()[0] == 403


# The routes that a reader can use for a shared collection. All others answer readers like strangers.
OPENED = {
    "GET /documents/{document_id}",
    "GET /documents/{document_id}/content",
    "GET /documents/{document_id}/text",
    "GET /documents/{document_id}/chunks",
    "GET /chunks/{chunk_id}",
    "GET /collections/{collection_id}",
    "GET /collections/{collection_id}/files",
    "GET /collections/{collection_id}/files/{document_id}",
    "GET /collections/{collection_id}/files/{document_id}/chunks",
}


async def test_a_reader_opens_what_is_shared_and_changes_nothing(shared: Service) -> None:
    """On every route, with the owner's ids: before, during and after the share."""
    owner, reader, stranger = [await new_tenant(shared) for _ in range(3)]
    ids = await ids_of(owner, SECRET)
    unknown = {**ids, **{name: str(uuid4()) for name in ids if name.endswith("_id")}, "plan": ids["plan"]}
    inside = {**ids, "document_id": (await owner.ready_document("in.txt", SECRET))["id"]}
    inside["chunk_id"] = (await owner.chunks(inside["document_id"]))[0]["id"]
    inside["collection_id"] = ok(await owner.post("/collections", json={"name": SECRET}), 201)["id"]
    path = f"/collections/{inside['collection_id']}"
    files = [{"document_id": inside["document_id"]}]
    inside["batch_id"] = ok(await owner.post(f"{path}/batches", json={"files": files}), 201)["id"]

    async def unlike(caller: Tenant, endpoint: Endpoint, of: dict[str, str]) -> httpx.Response | None:
        """The answer, if a client can tell it apart from that for ids that do not exist: as in `alike`."""
        for _ in range(4):
            answer = await send(shared, endpoint, of, caller.key)
            nothing = await send(shared, endpoint, unknown, caller.key)
            problem(nothing, 404)
            if told(answer) == told(nothing):
                return None
            if answer.status_code != 404:
                break
        return answer

    async def seen(caller: Tenant, of: dict[str, str]) -> set[str]:
        """The routes whose answers differ from those for ids that do not exist."""
        opened = set()
        # The first requests fill the caches, so that the others take the same number of statements.
        ok(await caller.post("/search", json={"query": "sea"}))
        ok(await caller.post("/conversations/search", json={"query": "sea"}))
        for endpoint in WITH_PATH_ID:
            answer = await unlike(caller, endpoint, of)
            if answer is not None:
                opened.add(name_of(endpoint))
                assert answer.status_code == 200 and answer.content, name_of(endpoint)
        return opened

    before = await fingerprint(owner)
    assert await seen(reader, inside) == set()
    ok(await shared.call("PUT", f"{path}/readers/{reader.id}", owner.key))
    while_shared = await fingerprint(owner)
    assert await seen(reader, inside) == OPENED
    assert await seen(reader, ids) == set()
    assert await seen(stranger, inside) == set()
    assert await fingerprint(owner) == while_shared
    assert (await owner.delete(f"{path}/readers/{reader.id}")).status_code == 204
    assert await seen(reader, inside) == set()
    assert await fingerprint(owner) == before


# Statements, each with a mistake that removes its isolation.
CARELESS = {
    "documents/get": ("d.user_id = $1::uuid", "(d.user_id = $1::uuid or true)"),
    "documents/content": ("d.user_id = $1::uuid", "(d.user_id = $1::uuid or true)"),
    "conversations/get": ("c.user_id = $1::uuid", "c.user_id >= $1::uuid"),
    "documents/list": ("d.user_id = $1::uuid", "coalesce(d.user_id = $1::uuid, true) is not null"),
    "users/get": ("u.id = $1::uuid", "u.id <> $1::uuid"),
}


@pytest.mark.skipif(ROW_SECURITY, reason="the policies hide the row before the guard sees it")
@pytest.mark.parametrize("name", CARELESS)
async def test_a_statement_that_reaches_another_tenant_is_detected(pair: Pair, name: str) -> None:
    """Control of the other tests: they would fail if a route ran such a statement."""
    database = pair.first.service.services.database
    statement = database.statements[name]
    good, bad = CARELESS[name]
    assert good in statement.text
    careless = Database({name: replace(statement, text=statement.text.replace(good, bad))}, database.pool)
    arguments: dict[str, Any] = {
        "user_id": UUID(int=0) if ">=" in bad else UUID(pair.first.id), "after": None, "max_rows": 100,
        "first_byte": 0, "max_bytes": 100,
        **{kind: UUID(pair.foreign[kind]) for kind in ("document_id", "conversation_id")},
    }  # fmt: skip
    run = {"one": careless.one_by_name, "many": careless.many_by_name}[statement.shape]

    with pytest.raises(asyncpg.RaiseError, match=r"a row of \S+ is reached by a statement for"):
        await run(name, {parameter: arguments[parameter] for parameter in statement.parameter_names})


# --- contents of answers


async def ids_stored_of(tenant: Tenant) -> set[str]:
    """Return every UUID in the rows of a tenant."""
    return set(UUID_TEXT.findall(json.dumps(await fingerprint(tenant))))


READS: dict[str, list[dict[str, Any]]] = {
    "GET /documents": [{}, {"status": "ready"}, {"limit": 100}],
    "GET /conversations": [{}, {"recent": 50}, {"limit": 100}],
}
SEARCHES: list[dict[str, Any]] = [
    {"query": SECRET},
    *({"query": SECRET, "limit": 100, "metric": metric} for metric in ("cosine", "l2", "inner_product")),
    {"query": SECRET, "threshold": -1000},
    {"query": SECRET, "metadata": {"secret": SECRET}},
    {"query": SECRET, "file_types": ["text"]},
    {"query": SECRET, "uploaded_after": "2000-01-01T00:00:00Z", "uploaded_before": "2999-01-01T00:00:00Z"},
]


@pytest.mark.parametrize(
    "endpoint",
    [endpoint for endpoint in all_endpoints() if endpoint.method == "GET" and endpoint.access != "admin"],
    ids=name_of,
)
async def test_no_read_shows_a_row_of_another_tenant(pair: Pair, endpoint: Endpoint) -> None:
    foreign, own = await ids_stored_of(pair.second), await ids_stored_of(pair.first)
    assert len(foreign) >= 6
    assert not foreign & own
    for parameters in READS.get(name_of(endpoint), [{}]):
        for headers in ({}, {"Cabinet-User": pair.first.id}):
            key = ADMIN_KEY if headers else pair.first.key
            answer = await pair.first.service.call(
                "GET", path_of(endpoint, pair.own), key, params=parameters, headers=headers
            )
            assert answer.status_code == 200, answer.text
            assert not foreign & set(UUID_TEXT.findall(answer.text))
            assert SECRET not in answer.text
            assert "second tenant" not in answer.text


@pytest.mark.parametrize("body", SEARCHES, ids=[" ".join(body) for body in SEARCHES])
async def test_no_search_finds_a_chunk_of_another_tenant(pair: Pair, body: dict[str, Any]) -> None:
    """The query has the words of the other tenant, whose chunk would be the best result."""
    foreign = await ids_stored_of(pair.second)
    mine = await pair.first.post("/search", json=body)
    assert not foreign & set(UUID_TEXT.findall(mine.text))
    assert SECRET not in mine.text
    expected = [] if "metadata" in body else [pair.own["chunk_id"]]
    assert [result["chunk_id"] for result in ok(mine)["results"]] == expected
    theirs = ok(await pair.second.post("/search", json=body))["results"]
    assert [result["content"] for result in theirs] == [SECRET], "the control: they find it themselves"


MESSAGE_SEARCHES: list[dict[str, Any]] = [
    {"query": SECRET},
    {"query": SECRET, "limit": 100, "recall": "exact"},
    {"query": SECRET, "threshold": -1000, "roles": ["assistant"]},
    {"query": SECRET, "created_after": "2000-01-01T00:00:00Z", "created_before": "2999-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("body", MESSAGE_SEARCHES, ids=[" ".join(body) for body in MESSAGE_SEARCHES])
async def test_no_search_finds_a_message_of_another_tenant(pair: Pair, body: dict[str, Any]) -> None:
    foreign = await ids_stored_of(pair.second)
    for place, owned in ((pair.first, pair.own), (pair.second, pair.foreign)):
        for path in ("/conversations/search", f"/conversations/{owned['conversation_id']}/search"):
            answer = await place.post(path, json=body)
            assert [found["conversation_id"] for found in ok(answer)["results"]] == [owned["conversation_id"]]
            if place is pair.first:
                assert not foreign & set(UUID_TEXT.findall(answer.text))
                assert SECRET not in answer.text


@pytest.mark.parametrize(
    "route", [route for route in CURSORS if route != "GET /users"]
)  # These are only for the admin.
async def test_a_cursor_of_another_tenant_shows_only_the_callers_list(pair: Pair, route: str) -> None:
    (endpoint,) = [endpoint for endpoint in all_endpoints() if name_of(endpoint) == route]
    everything = ok(await pair.first.get(endpoint.path, params={"limit": 100}))["data"]
    cursor = pair.foreign[CURSORS[route]]
    answer = ok(await pair.first.get(endpoint.path, params={"limit": 100, "after": cursor}))
    assert answer["data"] == [item for item in everything if item["id"] < cursor]


@pytest.mark.parametrize("path", ["/documents", "/conversations"])
async def test_a_list_finds_no_item_of_another_tenant(pair: Pair, path: str) -> None:
    kind = f"{path.strip('/')[:-1]}_id"
    for parameters in (
        {"ids": pair.foreign[kind]},
        {"filter": json.dumps({"type": "eq", "key": "secret", "value": SECRET})},
        {"filter": json.dumps({"type": "eq", "key": "id", "value": pair.foreign[kind]})},
    ):
        assert ok(await pair.first.get(path, params={**parameters, "count": "true"})) == {
            "data": [], "next": None, "count": 0, "count_is_exact": True,
        }  # fmt: skip
        seen = ok(await pair.second.get(path, params={**parameters, "sort": "created_at"}))["data"]
        assert [item["id"] for item in seen] == [pair.foreign[kind]]


async def test_deleting_a_tenant_changes_nothing_of_another(shared: Service, pair: Pair) -> None:
    before = await fingerprint(pair.second)
    third = await new_tenant(shared)
    await ids_of(third, SECRET)
    assert (await third.delete(f"/users/{third.id}")).status_code == 200
    assert await fingerprint(pair.second) == before
