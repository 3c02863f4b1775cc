"""Keys that can only read: every route that changes something refuses them, and every other one accepts them."""

from __future__ import annotations

from typing import Any

import pytest

from svc.app import all_endpoints, openai_endpoints
from svc.web.openapi import openapi_document
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.endpoints import PATH_PARAMETER, name_of
from tests.routes.tenants import Tenant, new_tenant

READING_POSTS = {
    "POST /search",
    "POST /conversations/search",
    "POST /conversations/{conversation_id}/search",
    "POST /conversations/{conversation_id}/turn",
    "POST /v1/embeddings",
    "POST /v1/vector_stores/{store_id}/search",
}
ENDPOINTS = [*all_endpoints(), *openai_endpoints()]
PUBLIC = {name_of(endpoint) for endpoint in ENDPOINTS if endpoint.access == "public"}
ROUTES = sorted(
    {f"{method.upper()} {path}" for path, methods in openapi_document(ENDPOINTS)["paths"].items() for method in methods}
    - PUBLIC
)


async def reading(tenant: Tenant) -> str:
    """A key of the user that can only read."""
    created = ok(await tenant.post("/keys", json={"scopes": ["read"]}), 201)
    assert created["key"]["scopes"] == ["read"]
    return str(created["api_key"])


@pytest.mark.parametrize("route", ROUTES)
async def test_a_reading_key_is_refused_by_what_changes_something(shared: Service, tenant: Tenant, route: str) -> None:
    key = await reading(tenant)
    method, path = route.split(" ")
    answer = await shared.call(method, PATH_PARAMETER.sub("0198c0de-0000-7000-8000-000000000000", path), key)
    if method == "GET" or route in READING_POSTS:
        assert "can only read" not in answer.text
        assert answer.status_code != 401
    else:
        assert answer.status_code == 403
        assert "this API key can only read" in answer.text


async def test_a_reading_key_reads_and_searches(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("a.txt", "The tides.")
    conversation = await tenant.conversation(title="Tides")
    key = await reading(tenant)
    assert ok(await shared.call("GET", f"/documents/{document['id']}", key))["filename"] == "a.txt"
    assert (await shared.call("HEAD", f"/documents/{document['id']}", key)).status_code == 200
    assert ok(await shared.call("POST", "/search", key, json={"query": "tides"}))["results"]
    for path in ("/conversations/search", f"/conversations/{conversation['id']}/search"):
        ok(await shared.call("POST", path, key, json={"query": "tides"}))
    problem(await shared.call("DELETE", f"/documents/{document['id']}", key), 403)
    problem(await shared.call("POST", "/keys", key, json={}), 403)
    assert ok(await tenant.get(f"/documents/{document['id']}"))["id"] == document["id"]


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        (None, ["read", "write"]),
        (["write"], ["read", "write"]),
        (["write", "read"], ["read", "write"]),
        (["read"], ["read"]),
    ],
)
async def test_write_includes_read(shared: Service, tenant: Tenant, given: list[str] | None, scopes: list[str]) -> None:
    created = ok(await tenant.post("/keys", json={} if given is None else {"scopes": given}), 201)
    assert created["key"]["scopes"] == scopes
    assert ok(await tenant.get(f"/keys/{created['key']['id']}"))["scopes"] == scopes
    assert ok(await tenant.get("/keys"))["data"][0]["scopes"] == scopes
    changed = await shared.call("POST", "/conversations", created["api_key"], json={})
    assert changed.status_code == (201 if "write" in scopes else 403)


@pytest.mark.parametrize("wrong", [[], None, "read", ["admin"], ["read", "delete"], [5], {"read": True}])
async def test_wrong_scopes_are_refused(tenant: Tenant, wrong: Any) -> None:
    answer = await tenant.post("/keys", json={"scopes": wrong})
    assert problem(answer, 422)["errors"][0]["field"].startswith("scopes")
