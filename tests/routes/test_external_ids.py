"""External ids, which are the ids of users in the application."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from svc.web.routing import Endpoint
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.endpoints import PATH_PARAMETER, endpoints_of, name_of
from tests.routes.tenants import Tenant, new_tenant


async def user_with(service: Service, external_id: str) -> Tenant:
    """Create a user with this external id."""
    body = {"email": f"{uuid.uuid4().hex}@example.org", "external_id": external_id}
    created = ok(await service.call("POST", "/users", json=body), 201)
    assert created["user"]["external_id"] == external_id
    return Tenant(service, created["user"]["id"], created["api_key"])


def fresh(text: str) -> str:
    return f"{text}-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize(
    "text", ["customer", "auth0|5f7c8ec7", "Jörg Müller 🦊", "a?b#c&d=e%20f", "external:x", "n@x.org"]
)
async def test_a_user_is_named_by_the_external_id(shared: Service, text: str) -> None:
    external_id = fresh(text)
    tenant = await user_with(shared, external_id)
    await tenant.upload("a.txt", "theirs")
    user = ok(await tenant.get("/me"))
    for reference in (f"external:{external_id}", external_id)[: 1 if text.startswith("external:") else 2]:
        path = f"/users/{quote(reference, safe='')}"
        assert ok(await shared.call("GET", path)) == user
        assert ok(await tenant.get(path)) == user
        header = {"Cabinet-User": reference.encode()}
        assert len(ok(await shared.call("GET", "/documents", headers=header))["data"]) == 1
    assert ok(await shared.call("GET", "/users", params={"external_id": external_id})) == {"data": [user], "next": None}
    assert user in ok(await shared.call("GET", "/users"))["data"]


async def test_an_external_id_in_the_form_of_a_uuid_needs_the_prefix(shared: Service) -> None:
    """Otherwise a user could be named by the id of another."""
    tenant = await new_tenant(shared)
    other = await user_with(shared, tenant.id)
    assert ok(await shared.call("GET", f"/users/{tenant.id}"))["id"] == tenant.id
    assert ok(await shared.call("GET", f"/users/external:{tenant.id}"))["id"] == other.id
    named = ok(await shared.call("GET", "/me", headers={"Cabinet-User": tenant.id}))
    assert named["id"] == tenant.id
    named = ok(await shared.call("GET", "/me", headers={"Cabinet-User": f"external:{tenant.id}"}))
    assert named["id"] == other.id


async def test_another_user_s_external_id_looks_like_none(shared: Service) -> None:
    tenant, other = await new_tenant(shared), await user_with(shared, fresh("theirs"))
    external_id = ok(await other.get("/me"))["external_id"]
    answers = [await tenant.get(f"/users/external:{name}") for name in (external_id, fresh("nobody"))]
    answers += [await tenant.delete(f"/users/external:{name}") for name in (external_id, fresh("nobody"))]
    details = {problem(answer, 404)["detail"] for answer in answers}
    assert details == {"there is no such user"}
    problem(await tenant.get("/me", headers={"Cabinet-User": external_id}), 403, "Cabinet-User")


async def test_an_external_id_is_unique_and_can_change_hands(shared: Service) -> None:
    external_id = fresh("customer")
    first, second = await user_with(shared, external_id), await new_tenant(shared)
    change = {"external_id": external_id}
    problem(await shared.call("POST", "/users", json={"email": "x@example.org", **change}), 409, "external_id")
    problem(await shared.call("PATCH", f"/users/{second.id}", json=change), 409, "external_id")
    header = {"Cabinet-User": external_id}
    assert ok(await shared.call("GET", "/me", headers=header))["id"] == first.id
    assert ok(await shared.call("PATCH", f"/users/{first.id}", json={"external_id": None}))["external_id"] is None
    problem(await shared.call("GET", "/me", headers=header), 404, "Cabinet-User")
    assert ok(await shared.call("PATCH", f"/users/{second.id}", json=change))["external_id"] == external_id
    assert ok(await shared.call("GET", "/me", headers=header))["id"] == second.id
    # Other changes keep it.
    assert ok(await shared.call("PATCH", f"/users/{second.id}", json={"name": "Ada"}))["external_id"] == external_id


async def test_concurrent_requests_create_one_user_with_an_external_id(shared: Service) -> None:
    external_id = fresh("customer")
    bodies = [{"email": f"{uuid.uuid4().hex}@example.org", "external_id": external_id} for _ in range(6)]
    answers = await asyncio.gather(*(shared.call("POST", "/users", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_a_user_cannot_change_their_own(shared: Service, tenant: Tenant) -> None:
    problem(await tenant.patch(f"/users/{tenant.id}", json={"external_id": "admin"}), 403, "external_id")
    assert ok(await tenant.get("/me"))["external_id"] is None


@pytest.mark.parametrize(
    "wrong", ["", "x" * 256, " x", "x ", "x\n", "x\ny", "\x00", "a\x1fb", "a\x7f", "a\x85b", 5, True, [], {}]
)
async def test_a_wrong_external_id_is_refused(shared: Service, tenant: Tenant, wrong: Any) -> None:
    body = {"email": "wrong@example.org", "external_id": wrong}
    problem(await shared.call("POST", "/users", json=body), 422, "external_id")
    problem(await shared.call("PATCH", f"/users/{tenant.id}", json={"external_id": wrong}), 422, "external_id")


async def test_the_longest_is_accepted(shared: Service) -> None:
    tenant = await user_with(shared, "🦊" * 255)
    header = {"Cabinet-User": ("🦊" * 255).encode()}
    assert ok(await shared.call("GET", "/me", headers=header))["id"] == tenant.id


@pytest.mark.parametrize("wrong", [b"\xff", b"external:", b"external:\xc3", b"x" * 300, b"\xc2\x85", b"nobody"])
async def test_a_header_that_names_nobody(shared: Service, wrong: bytes) -> None:
    problem(await shared.call("GET", "/me", headers={"Cabinet-User": wrong}), 404, "Cabinet-User")


async def test_a_search_for_two_things_at_once_is_refused(shared: Service) -> None:
    params = {"email": "a@example.org", "external_id": "a"}
    problem(await shared.call("GET", "/users", params=params), 422, "external_id")
    problem(await shared.call("GET", "/users", params={"external_id": "a\x00"}), 422, "external_id")
    assert ok(await shared.call("GET", "/users", params={"external_id": "%"}))["data"] == []


async def test_a_receiver_is_named_by_the_external_id(shared: Service) -> None:
    giver, receiver = await new_tenant(shared), await user_with(shared, fresh("annie"))
    document = await giver.ready_document("a.txt", "given")
    external_id = ok(await receiver.get("/me"))["external_id"]
    body = {"document_ids": [document["id"]], "to_user": external_id}
    acting = {"Cabinet-User": giver.id}
    nobody = {**body, "to_user": "external:nobody"}
    problem(await shared.call("POST", "/documents/transfer", json=nobody, headers=acting), 422, "to_user")
    ok(await shared.call("POST", "/documents/transfer", json=body, headers=acting))
    assert ok(await receiver.get(f"/documents/{document['id']}"))["id"] == document["id"]
    problem(await giver.get(f"/documents/{document['id']}"), 404)


async def test_an_erased_user_leaves_the_external_id_free(shared: Service) -> None:
    external_id = fresh("customer")
    first = await user_with(shared, external_id)
    ok(await shared.call("DELETE", f"/users/external:{external_id}"))
    problem(await shared.call("GET", f"/users/external:{external_id}"), 404)
    problem(await shared.call("GET", "/me", headers={"Cabinet-User": external_id}), 404, "Cabinet-User")
    assert (await user_with(shared, external_id)).id != first.id


@pytest.mark.parametrize("endpoint", endpoints_of("any", "user", "admin", "acting"), ids=name_of)
async def test_every_route_takes_an_external_id_in_the_header(shared: Service, endpoint: Endpoint) -> None:
    path = PATH_PARAMETER.sub("x", endpoint.path)
    answer = await shared.call(endpoint.method, path, headers={"Cabinet-User": "external:nobody"})
    problem(answer, 404, "Cabinet-User")
