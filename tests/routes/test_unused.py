"""Parts of a request that its route would ignore are refused: otherwise a client believes that they take effect."""

from __future__ import annotations

import re

import pytest

from svc.app import all_endpoints, openai_endpoints
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import ok, problem
from tests.routes.endpoints import name_of
from tests.routes.tenants import Tenant

NO_ID = "00000000-0000-7000-8000-000000000000"
ENDPOINTS = [each for each in all_endpoints() + openai_endpoints() if each.access not in ("public", "acting")]


async def detail_of(shared: Service, tenant: Tenant, endpoint: Endpoint, **sent: object) -> tuple[int, str]:
    """The status and the detail of the answer to a request that the route should refuse."""
    path = re.sub(r"\{\w+\}", NO_ID, endpoint.path) + str(sent.pop("query", ""))
    key = tenant.key if endpoint.access in ("any", "user") else ADMIN_KEY
    answer = await shared.call(endpoint.method, path, key, **sent)
    content = answer.json()
    return answer.status_code, content["error"]["message"] if "error" in content else content["detail"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
async def test_an_unknown_parameter_is_refused(shared: Service, tenant: Tenant, endpoint: Endpoint) -> None:
    status, detail = await detail_of(shared, tenant, endpoint, query="?colour=red")
    assert status in (400, 422)
    assert "there is no parameter colour" in detail


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.body is None and not e.reads_body], ids=name_of)
@pytest.mark.parametrize("content", [b'{"limit": 1}', b"x" * 100_000])
async def test_a_body_that_nobody_reads_is_refused(
    shared: Service, tenant: Tenant, endpoint: Endpoint, content: bytes
) -> None:
    status, detail = await detail_of(shared, tenant, endpoint, content=content)
    assert status in (400, 422)
    assert detail == "this route takes no body; omit it"


async def test_an_empty_object_is_no_body(shared: Service, tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b"{}", b" {} ", b""):
        ok(await shared.call("GET", "/me", tenant.key, content=content, headers=headers))


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.changes], ids=name_of)
@pytest.mark.parametrize("value", ["*", '"33a64df551425fcc"'])
async def test_a_change_with_if_none_match_is_refused(
    shared: Service, tenant: Tenant, endpoint: Endpoint, value: str
) -> None:
    status, detail = await detail_of(shared, tenant, endpoint, headers={"If-None-Match": value})
    assert status == 412
    assert detail.startswith("changes do not support If-None-Match; omit it")


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.changes], ids=name_of)
async def test_a_change_with_if_unmodified_since_is_refused(
    shared: Service, tenant: Tenant, endpoint: Endpoint
) -> None:
    headers = {"If-Unmodified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"}
    status, detail = await detail_of(shared, tenant, endpoint, headers=headers)
    assert (status, detail.startswith("changes do not support If-Unmodified-Since")) == (412, True)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if not e.has_tag], ids=name_of)
async def test_if_match_is_refused_where_nothing_has_an_etag(
    shared: Service, tenant: Tenant, endpoint: Endpoint
) -> None:
    status, detail = await detail_of(shared, tenant, endpoint, headers={"If-Match": '"33a64df551425fcc"'})
    assert (status, detail) == (412, "this route concerns nothing that has an ETag; omit If-Match")


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.changes and not e.is_repeatable], ids=name_of)
async def test_an_idempotency_key_is_refused_by_changes_that_ignore_it(
    shared: Service, tenant: Tenant, endpoint: Endpoint
) -> None:
    status, detail = await detail_of(shared, tenant, endpoint, headers={"Idempotency-Key": "one"})
    assert status in (400, 422)
    assert detail.startswith("this route does not support Idempotency-Key; omit it. ")


DEMANDS = {
    "Content-Digest": ("sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", 422),
    "Content-MD5": ("Q2hlY2sgSW50ZWdyaXR5IQ==", 422),
    "Digest": ("sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=", 422),
    "Repr-Digest": ("sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", 422),
    "X-HTTP-Method": ("DELETE", 400),
    "X-HTTP-Method-Override": ("DELETE", 400),
    "X-Method-Override": ("DELETE", 400),
    "Expect": ("200-ok", 417),
}


@pytest.mark.parametrize("name", DEMANDS)
async def test_a_demand_that_no_route_fulfils_is_refused(shared: Service, tenant: Tenant, name: str) -> None:
    value, status = DEMANDS[name]
    upload = {"filename": "a.txt", "content": "hello"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for method, path, body in (
        ("GET", "/me", None), ("POST", "/documents", upload), ("DELETE", f"/documents/{NO_ID}", None),
        ("POST", "/mcp", call),
    ):  # fmt: skip
        answer = await shared.call(method, path, tenant.key, headers={name: value}, json=body)
        assert name.lower() in problem(answer, status)["detail"].lower()
    assert ok(await tenant.get("/documents"))["data"] == []
    ok(await tenant.post("/documents", json=upload, headers={"Expect": "100-Continue"}), 202)


async def test_a_part_of_a_content_does_not_replace_the_whole(shared: Service, tenant: Tenant) -> None:
    document = ok(await tenant.post("/documents", json={"filename": "a.txt", "content": "0123456789"}), 202)
    path = f"/documents/{document['id']}/content"
    answer = await shared.call("PUT", path, tenant.key, content=b"ab", headers={"Content-Range": "bytes 0-1/10"})
    assert "without the header Content-Range" in problem(answer, 400)["detail"]
    assert (await tenant.get(path)).content == b"0123456789"


async def test_a_parameter_without_a_name_is_called_so(tenant: Tenant) -> None:
    for path in ("/me?=1", "/documents?=1"):
        assert problem(await tenant.get(path), 422)["detail"] == "a parameter has no name; omit it"
