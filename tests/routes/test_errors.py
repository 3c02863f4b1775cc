"""Every route refuses invalid requests with a problem document that helps the client and reveals nothing internal."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from svc.access import failed_logins
from svc.access.keys import generate_key
from svc.app import all_endpoints, create_app
from svc.database.failures import ConstraintError
from svc.web.dispatch import starlette_routes
from svc.web.request import Call
from svc.web.routing import Endpoint, Routes
from tests.conftest import ADMIN_KEY, PATIENCE_S, Service, database_url_of, running_service, test_settings
from tests.routes.answers import ok, problem
from tests.routes.endpoints import (
    endpoints_of,
    ids_of,
    ids_of_nothing,
    key_for,
    name_of,
    path_of,
    send,
    takes_body,
    with_body,
    wrong_paths,
)
from tests.routes.tenants import Tenant, direct_connection, new_tenant
from tests.routes.test_fairness import waiting_for_locks

NO_IDS = ids_of_nothing() | {"plan": "no-plan"}
GUARDED = endpoints_of("any", "user", "admin", "acting")
WITH_BODY = with_body()
# The other routes accept any JSON object.
WITH_FIELDS = [endpoint for endpoint in WITH_BODY if name_of(endpoint) != "PATCH /me/preferences"]
WITH_QUERY = [endpoint for endpoint in all_endpoints() if endpoint.query is not None]


@pytest.fixture(autouse=True)
def unknown_keys_are_looked_up(shared: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """These tests send more unknown keys from one address than are looked up without a pause.

    The counts are reset at the end, since they would slow down the new users of other tests.
    """
    monkeypatch.setattr(failed_logins, "_BURST", 10_000)
    yield
    shared.services.authenticator._failed_logins = failed_logins.FailedLogins()


def own_id_only(tenant: Tenant) -> dict[str, str]:
    """Return ids of objects that do not exist, except for the caller's own id."""
    return {**NO_IDS, "user_id": tenant.id}


# --- 401 and 403


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
async def test_a_valid_key_is_required(shared: Service, endpoint: Endpoint) -> None:
    for authorization in (
        None, b"", b"Bearer", b"Bearer ", b"Basic dXNlcjpwYXNz", b"Bearer cab_" + b"x" * 43, b"Bearer \xff\xfe",
        b"Bearer " + ADMIN_KEY.encode()[:-1], b"Bearer " + ADMIN_KEY.encode() + b" x", ADMIN_KEY.encode(),
        b"Bearer " + b"k" * 100_000,
    ):  # fmt: skip
        headers = {b"Authorization": authorization} if authorization is not None else {}
        body = {"json": endpoint.extra["example"]} if takes_body(endpoint) else {}
        request = shared.client.build_request(endpoint.method, path_of(endpoint, NO_IDS), headers=headers, **body)
        problem(await shared.client.send(request), 401)


async def test_the_scheme_is_read_in_any_case(shared: Service, tenant: Tenant) -> None:
    for scheme in ("bearer", "BEARER", "Bearer"):
        answer = await shared.client.get("/me", headers={"Authorization": f"{scheme}  {tenant.key} "})
        assert ok(answer)["id"] == tenant.id


@pytest.mark.parametrize("endpoint", endpoints_of("admin", "acting"), ids=name_of)
async def test_a_users_key_is_refused_where_the_admin_key_is_required(
    shared: Service, tenant: Tenant, endpoint: Endpoint
) -> None:
    problem(await send(shared, endpoint, NO_IDS, tenant.key), 403)


@pytest.mark.parametrize("endpoint", endpoints_of("user"), ids=name_of)
async def test_the_admin_must_name_the_user(shared: Service, endpoint: Endpoint) -> None:
    assert "Cabinet-User" in problem(await send(shared, endpoint, NO_IDS, ADMIN_KEY), 403)["detail"]
    for unknown in (str(uuid4()), "no-id", "", "null", str(uuid4()) + "0"):
        answer = await send(shared, endpoint, NO_IDS, ADMIN_KEY, headers={"Cabinet-User": unknown})
        problem(answer, 404, "Cabinet-User")


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
async def test_a_user_cannot_act_for_another_user(
    shared: Service, tenant: Tenant, other: Tenant, endpoint: Endpoint
) -> None:
    for user_id in (other.id, tenant.id, str(uuid4()), "no-id"):
        answer = await send(shared, endpoint, NO_IDS, tenant.key, headers={"Cabinet-User": user_id})
        problem(answer, 403, "Cabinet-User")


# --- 404 and 405


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/users/", "/Documents", "/documents//", "/documents/a/b/c", "/docs/", "/docs/assets",
     "/docs/assets/", "/docs/assets/none.js", "/docs/assets/..%2F..%2F__init__.py", "/docs/assets/%2e%2e/__init__.py",
     "/openapi.json/", "/%00", "/%FF", "/" + "a" * 10_000],
)  # fmt: skip
async def test_an_unknown_path(shared: Service, path: str) -> None:
    problem(await shared.call("GET", path), 404)


async def test_an_invalid_id_is_not_found(shared: Service, tenant: Tenant) -> None:
    seen = 0
    for endpoint, path, string in wrong_paths(await ids_of(tenant)):
        body = {"json": endpoint.extra["example"]} if takes_body(endpoint) else {}
        detail = problem(await shared.call(endpoint.method, path, key_for(endpoint, tenant), **body), 404)["detail"]
        assert string == "0" or string not in detail
        seen += 1
    assert seen > 100


async def test_a_wrong_method_is_answered_with_the_allowed_methods(shared: Service) -> None:
    methods: dict[str, set[str]] = {}
    for endpoint in all_endpoints():
        methods.setdefault(endpoint.path, set()).add(endpoint.method)
    for path, there in methods.items():
        allowed = there | ({"HEAD"} if "GET" in there else set())
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
            answer = await shared.call(method, path.format_map(NO_IDS), ADMIN_KEY)
            detail = problem(answer, 405)["detail"]
            assert set(answer.headers["allow"].split(", ")) == allowed
            assert answer.headers["allow"] in detail


async def test_the_assets_are_read_only(shared: Service) -> None:
    answer = await shared.call("POST", "/docs/assets/swagger-ui.css")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


# --- 400, 413, 415, 422 for every route with a body


def malformed(example: Any) -> Iterator[bytes]:
    """Yield bodies that are truncated or contain something that is not JSON."""
    body = json.dumps(example).encode()
    yield from (body[:length] for length in {0, 1, 2, len(body) // 3, len(body) // 2, len(body) - 2, len(body) - 1})
    yield from (body + more for more in (b"x", b"{}", b",", b"]", b"\x00"))
    yield from (before + body for before in (b"\xef\xbb\xbf", b"\xff\xfe", b"x", b"\x00"))
    for text in list(re.finditer(rb'": \[?"', body))[:1]:
        for inside in (
            b"\xff",
            b"\xc3",
            b"\xed\xa0\x80",
            b"\\ud800",
            b"\\udc00",
            b"\\x41",
            b"\n",
            b"\x00",
            b"\xf0\x9f",
        ):
            yield body[: text.end()] + inside + body[text.end() :]
    yield body.replace(b'"', b"'")


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
async def test_a_body_that_is_not_json(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    headers = {"Content-Type": "application/json"}
    # A UUID is validated while it is parsed, so an invalid UUID is reported before broken JSON.
    names_id = re.search(r'": \[?"[0-9a-f]{8}-', json.dumps(endpoint.extra["example"])) is not None
    for body in malformed(endpoint.extra["example"]):
        ids = own_id_only(tenant)
        answer = await send(shared, endpoint, ids, key_for(endpoint, tenant), content=body, headers=headers)
        problem(answer, 422 if names_id and answer.status_code == 422 else 400)


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
async def test_a_body_nested_too_deeply(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    """The body, or its metadata, is nested more deeply than the decoder allows."""
    headers = {"Content-Type": "application/json"}
    for body in (b"[" * 10_000, b'{"metadata":' + b'{"a":' * 2_000, b'{"preferences":' + b"[" * 10_000):
        answer = await send(
            shared, endpoint, own_id_only(tenant), key_for(endpoint, tenant), content=body, headers=headers
        )
        assert answer.status_code in (400, 422)
        problem(answer, answer.status_code)


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
async def test_a_body_of_another_shape(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    for body in (b"null", b"5", b'"text"', b"true", b"[1]", b"[[]]", b"1e999", b"9" * 5000):
        headers = {"Content-Type": "application/json"}
        answer = await send(
            shared, endpoint, own_id_only(tenant), key_for(endpoint, tenant), content=body, headers=headers
        )
        problem(answer, 422)
        assert answer.json()["errors"]
    if endpoint in WITH_FIELDS:
        answer = await send(shared, endpoint, own_id_only(tenant), key_for(endpoint, tenant), json={"unheard_of": 1})
        problem(answer, 422)


@pytest.mark.parametrize("endpoint", WITH_FIELDS, ids=name_of)
async def test_an_unknown_field_is_named(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    example = endpoint.extra["example"]
    items = example if isinstance(example, list) else [example]
    wrong = [*items[:-1], {**items[-1], "unheard_of": 1}]
    field = f"[{len(items) - 1}].unheard_of" if isinstance(example, list) else "unheard_of"
    body = wrong if isinstance(example, list) else wrong[0]
    problem(await send(shared, endpoint, own_id_only(tenant), key_for(endpoint, tenant), json=body), 422, field)


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=name_of)
async def test_a_body_of_another_media_type(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    for kind in (None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "json", "\xff"):
        headers = {"Content-Type": kind.encode("latin-1")} if kind is not None else {}
        answer = await send(
            shared, endpoint, own_id_only(tenant), key_for(endpoint, tenant), content=b"{}", headers=headers
        )
        problem(answer, 415, "Content-Type")


async def test_json_is_read_whatever_the_parameters_of_its_type(tenant: Tenant) -> None:
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", " application/json ;a=b"):
        answer = await tenant.post("/conversations", content=b'{"title": "\xc3\xa9"}', headers={"Content-Type": kind})
        assert ok(answer, 201)["title"] == "é"


async def test_the_limit_of_a_body_holds_however_it_is_sent(database_url: str) -> None:
    limit = 2_000

    async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 500):
            yield content[start : start + 500]

    async with running_service(test_settings(max_body_bytes=limit, worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)
        headers = {"Content-Type": "application/json"}
        for endpoint in WITH_BODY:
            if "upload" in endpoint.extra:
                continue  # uploads have a separate limit
            key = key_for(endpoint, tenant)
            for size, is_over in ((limit, False), (limit + 1, True), (limit * 50, True)):
                body = b"[" + b" " * (size - 2) + b"]"
                for content in (body, in_pieces(body)):
                    answer = await send(service, endpoint, own_id_only(tenant), key, content=content, headers=headers)
                    if is_over:
                        assert str(limit) in problem(answer, 413)["detail"]
                    else:
                        problem(answer, 422)


@pytest.mark.parametrize("endpoint", WITH_QUERY, ids=name_of)
async def test_a_wrong_parameter_is_named(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    path, key = path_of(endpoint, NO_IDS), key_for(endpoint, tenant)
    for query, field in (
        ("unheard_of=1", "unheard_of"), ("limit=1&limit=2", "limit"), ("limit=", "limit"), ("limit=ten", "limit"),
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=-1", "limit"), ("limit=1.5", "limit"),
        ("limit=" + "9" * 5000, "limit"), ("after=x", "after"), ("after=", "after"),
        ("after=null", "after"), ("limit=null", "limit"),
        ("after=%00", "after"), ("after=1.5", "after"), ("Limit=1", "Limit"), ("limit=%F0%9F", "limit"),
    ):  # fmt: skip
        if query == "limit=101" and endpoint.path.endswith("/text"):
            continue  # a number of characters
        problem(await shared.call(endpoint.method, f"{path}?{query}", key), 422, field)


# --- 500 and 503

broken = Routes("broken")
SECRET = "select key_hash from api_keys where user_id = $1; postgresql://cabinet:hunter2@db/cabinet"


@broken.get("/broken/fault", access="public")
async def fault(_call: Call) -> None:
    """Fail with an unexpected error."""
    raise RuntimeError(SECRET)


@broken.get("/broken/constraint", access="public")
async def constraint(_call: Call) -> None:
    """Violate a constraint that no route handles."""
    raise ConstraintError("tenant_totals_chunks_positive")


async def answer_of(service: Service, path: str) -> httpx.Response:
    app = create_app(service.services)
    app.router.routes.extend(starlette_routes(broken.endpoints))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cabinet") as client:
        return await client.get(path)


async def test_an_internal_error_is_logged_and_not_shown_in_the_answer(
    shared: Service, caplog: pytest.LogCaptureFixture
) -> None:
    document = problem(await answer_of(shared, "/broken/fault"), 500)
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 1
    assert document["request_id"] in logged[0].getMessage()
    assert SECRET in caplog.text, "the log must contain the traceback"


async def test_an_unexpected_constraint_is_not_named_in_the_answer(
    shared: Service, caplog: pytest.LogCaptureFixture
) -> None:
    problem(await answer_of(shared, "/broken/constraint"), 409)
    assert "tenant_totals_chunks_positive" in caplog.text


async def test_every_route_reports_an_unavailable_database(database_url: str) -> None:
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)
        ok(await tenant.get("/me"))  # caches the key, so that each handler gets the error of the closed pool itself
        assert service.services.database.generic is not None
        await service.services.database.generic.close()
        await service.services.database.pool.close()
        for endpoint in GUARDED:
            ids = {**NO_IDS, "user_id": tenant.id}
            problem(await send(service, endpoint, ids, key_for(endpoint, tenant)), 503)
            problem(await send(service, endpoint, ids, generate_key().key), 503)
        for endpoint in endpoints_of("public"):
            answer = await send(service, endpoint, NO_IDS, None)
            assert answer.status_code == (503 if endpoint.path == "/health/ready" else 200), endpoint.path


async def test_a_terminated_statement_is_reported_and_the_next_request_works(idle: Service) -> None:
    tenant = await new_tenant(idle)
    ok(await tenant.get("/conversations"))
    async with direct_connection(idle) as connection:
        locked = connection.transaction()
        await locked.start()
        await connection.execute("lock table conversations")
        waiting = asyncio.create_task(tenant.get("/conversations"))
        killed: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            while not killed:
                await asyncio.sleep(0.02)
                killed = await connection.fetch(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                    " and application_name = 'cabinet' and wait_event_type = 'Lock'"
                )
        problem(await waiting, 503)
        await locked.rollback()
    assert ok(await tenant.get("/conversations"))["data"] == []


async def test_terminated_idle_connections_are_replaced(idle: Service) -> None:
    tenant = await new_tenant(idle)
    async with direct_connection(idle) as connection:
        for _ in range(3):
            killed = await connection.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name = 'cabinet'"
            )
            assert killed
            answers = [await tenant.get("/conversations") for _ in range(3)]
            assert all(answer.status_code in (200, 503) for answer in answers), [a.text for a in answers]
            assert answers[-1].status_code == 200, "the pool must recover"


async def test_a_database_that_refuses_connections_is_unavailable(idle: Service) -> None:
    """A database that is being restored or renamed refuses connections for some time."""
    tenant = await new_tenant(idle)
    ok(await tenant.get("/me"))
    name = urlsplit(idle.url).path.removeprefix("/")
    elsewhere = Service(idle.client, idle.services, database_url_of(idle.url, "postgres"))
    async with direct_connection(elsewhere) as maintenance:
        await maintenance.execute(f"alter database {name} allow_connections false")
        await maintenance.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await asyncio.sleep(0.1)
        problem(await tenant.get("/me"), 503)
        problem(await tenant.get("/documents"), 503)
        await maintenance.execute(f"alter database {name} allow_connections true")
    assert ok(await tenant.get("/me"))["id"] == tenant.id


async def test_the_wait_for_a_busy_pool_is_limited(database_url: str) -> None:
    settings = test_settings(pool_size=2, request_wait_s=0.5, worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        tenant, other = await new_tenant(service), await new_tenant(service)
        for each in (tenant, other):
            ok(await each.get("/conversations"))
        async with direct_connection(service) as connection:
            locked = connection.transaction()
            await locked.start()
            await connection.execute("lock table conversations")
            holding = [asyncio.create_task(each.get("/conversations")) for each in (tenant, other)]
            await waiting_for_locks(connection, 2)
            problem(await tenant.get("/documents"), 429)
            problem(await service.call("GET", "/users"), 503)
            await locked.rollback()
        for answer in await asyncio.gather(*holding):
            ok(answer)
        ok(await tenant.get("/documents"))


async def test_a_statement_over_its_timeout_is_cancelled(database_url: str) -> None:
    async with running_service(test_settings(statement_timeout_s=1, worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)
        ok(await tenant.get("/conversations"))
        async with direct_connection(service) as connection, connection.transaction():
            await connection.execute("lock table conversations")
            problem(await tenant.get("/conversations"), 503)
        ok(await tenant.get("/conversations"))
