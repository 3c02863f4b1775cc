"""ETags: a client does not overwrite changes that it has not seen; unchanged resources are not sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from svc.app import all_endpoints
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import done, ok, problem
from tests.routes.endpoints import ids_of, key_for, name_of, path_of, send
from tests.routes.tenants import new_tenant

TAGGED = [endpoint for endpoint in all_endpoints() if endpoint.is_tagged]
READ = [endpoint for endpoint in TAGGED if endpoint.method == "GET"]
# The bytes of a document have a separate ETag: see test_contents.
CHANGING = [endpoint for endpoint in TAGGED if endpoint.method in ("PATCH", "DELETE")]
STALE = '"0123456789abcdef0123456789abcdef"'


def test_everything_that_can_be_changed_has_an_etag() -> None:
    changed = {endpoint.path for endpoint in all_endpoints() if endpoint.method in ("PATCH", "DELETE")}
    assert {endpoint.path for endpoint in CHANGING} >= changed - {
        path
        for path in changed
        # A collection changes without requests, in its counts and its last use. If-Match is refused.
        if path.startswith(("/conversations/{conversation_id}/messages", "/collections/"))
    }
    assert {endpoint.path for endpoint in READ} >= {endpoint.path for endpoint in CHANGING}


@pytest.mark.parametrize("endpoint", READ, ids=name_of)
async def test_a_version_that_the_client_has_is_not_sent_again(shared: Service, endpoint: Endpoint) -> None:
    tenant = await new_tenant(shared)
    ids, key = await ids_of(tenant), key_for(endpoint, tenant)
    first = await send(shared, endpoint, ids, key)
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await send(shared, endpoint, ids, key, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for sent in ('"other"', "nonsense", tag.strip('"')):
        again = await send(shared, endpoint, ids, key, headers={"If-None-Match": sent})
        assert (again.status_code, again.content) == (200, first.content)
    head = await shared.call("HEAD", path_of(endpoint, ids), key, headers={"If-None-Match": tag})
    assert head.status_code == 304


@pytest.mark.parametrize("endpoint", CHANGING, ids=name_of)
async def test_a_change_of_another_version_is_refused(shared: Service, endpoint: Endpoint) -> None:
    tenant = await new_tenant(shared)
    ids, key = await ids_of(tenant), key_for(endpoint, tenant)
    before = await shared.call("GET", path_of(endpoint, ids), key)
    tag = before.headers["etag"]
    for sent in (STALE, f"W/{tag}", f"{STALE}, {STALE}"):
        problem(await send(shared, endpoint, ids, key, headers={"If-Match": sent}), 412, "If-Match")
    for sent in ("nonsense", '"open', tag.strip('"')):
        problem(await send(shared, endpoint, ids, key, headers={"If-Match": sent}), 400, "If-Match")
    assert (await shared.call("GET", path_of(endpoint, ids), key)).content == before.content
    changed = await send(shared, endpoint, ids, key, headers={"If-Match": f"{STALE}, {tag}"})
    assert changed.status_code == endpoint.status, changed.text
    if endpoint.method != "DELETE":
        read = await shared.call("GET", path_of(endpoint, ids), key)
        assert changed.headers["etag"] == read.headers["etag"] != tag
        assert changed.content == read.content


@pytest.mark.parametrize("endpoint", CHANGING, ids=name_of)
async def test_missing_rows_are_not_found_for_any_version(shared: Service, endpoint: Endpoint) -> None:
    tenant = await new_tenant(shared)
    ids = dict.fromkeys(await ids_of(tenant), "0198c0de-0000-7000-8000-000000000000")
    if "{" in endpoint.path:
        problem(await send(shared, endpoint, ids, key_for(endpoint, tenant), headers={"If-Match": "*"}), 404)


async def test_one_of_many_changes_of_a_version_is_made(shared: Service) -> None:
    tenant = await new_tenant(shared)
    conversation = await tenant.conversation(metadata={"n": 0})
    path = f"/conversations/{conversation['id']}"
    tag = (await tenant.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(tenant.patch(path, json={"metadata": {"n": n}}, headers={"If-Match": tag}) for n in range(1, 9))
    )
    made = [answer for answer in answers if answer.status_code == 200]
    assert len(made) == 1
    assert [answer.status_code for answer in answers].count(412) == 7
    assert ok(await tenant.get(path)) == made[0].json()


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
async def test_a_change_of_a_user_is_also_explained_within_a_transaction(
    shared: Service, headers: dict[str, str]
) -> None:
    one, other = await new_tenant(shared), await new_tenant(shared)
    email = ok(await other.get("/me"))["email"]
    for body, status, field in (({"plan": "nope"}, 422, "plan"), ({"email": email}, 409, "email")):
        answer = await shared.call("PATCH", f"/users/{one.id}", ADMIN_KEY, json=body, headers=headers)
        problem(answer, status, field)


async def test_a_long_conversation_is_not_deleted_after_a_change(
    shared: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deletion takes a second transaction, which compares the version again."""
    monkeypatch.setattr("svc.batches.ERASED_MESSAGES", 1)
    tenant = await new_tenant(shared)
    conversation = await tenant.conversation()
    path = f"/conversations/{conversation['id']}"
    await tenant.say(conversation["id"], *({"role": "user", "content": f"message {n}"} for n in range(3)))
    tag = (await tenant.get(path)).headers["etag"]
    ok(await tenant.patch(path, json={"title": "changed"}))
    problem(await tenant.delete(path, headers={"If-Match": tag}), 412)
    tag = (await tenant.get(path)).headers["etag"]
    done(await tenant.delete(path, headers={"If-Match": tag}))


@pytest.mark.parametrize("path", ["/documents/delete", "/search", "/conversations"])
async def test_a_route_that_changes_no_version_refuses_if_match(shared: Service, path: str) -> None:
    tenant = await new_tenant(shared)
    problem(await tenant.post(path, json={}, headers={"If-Match": STALE}), 412, "If-Match")


@pytest.mark.parametrize(
    "endpoint",
    [e for e in all_endpoints() if e.method == "POST" and not e.is_repeatable],
    ids=name_of,
)
async def test_an_idempotency_key_is_never_ignored(shared: Service, endpoint: Endpoint) -> None:
    tenant = await new_tenant(shared)
    ids = await ids_of(tenant)
    before = [ok(await tenant.get(path)) for path in ("/documents", "/keys", "/plans", "/conversations")]
    answer = await send(shared, endpoint, ids, key_for(endpoint, tenant), headers={"Idempotency-Key": "key"})
    assert "Idempotency-Key" in problem(answer, 422, "Idempotency-Key")["detail"]
    assert [ok(await tenant.get(path)) for path in ("/documents", "/keys", "/plans", "/conversations")] == before


async def test_a_conversation_is_created_once(shared: Service) -> None:
    tenant = await new_tenant(shared)
    headers = {"Idempotency-Key": "one"}
    first = await tenant.post("/conversations", json={"title": "t"}, headers=headers)
    again = await tenant.post("/conversations", json={"title": "t"}, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(ok(await tenant.get("/conversations"))["data"]) == 1
    problem(await tenant.post("/conversations", json={"title": "u"}, headers=headers), 422, "Idempotency-Key")
    done(await tenant.delete(f"/conversations/{first.json()['id']}"))
    problem(await tenant.post("/conversations", json={"title": "t"}, headers=headers), 409, "Idempotency-Key")


MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.mark.parametrize(
    ("patch", "merged"),
    [
        ({"a": 2}, {"a": 2, "b": {"c": 1, "d": [1]}}),
        ({"a": None}, {"b": {"c": 1, "d": [1]}}),
        ({"b": {"c": None, "e": 5}}, {"a": 1, "b": {"d": [1], "e": 5}}),
        ({"b": 3}, {"a": 1, "b": 3}),
        ({}, {"a": 1, "b": {"c": 1, "d": [1]}}),
    ],
)
async def test_a_merge_patch_of_one_document(shared: Service, patch: dict[str, Any], merged: dict[str, Any]) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.upload("a.txt", "a", a=1, b={"c": 1, "d": [1]})
    path = f"/documents/{document['id']}"
    answer = ok(await tenant.patch(path, json={"metadata": patch}, headers=MERGE))
    assert answer["metadata"] == merged
    assert ok(await tenant.get(path))["metadata"] == merged
    assert ok(await tenant.patch(path, json={"metadata": patch}))["metadata"] == patch


async def test_a_merge_that_becomes_too_large_changes_nothing(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.upload("a.txt", "a", a="x" * 10_000)
    path = f"/documents/{document['id']}"
    problem(await tenant.patch(path, json={"metadata": {"b": "x" * 10_000}}, headers=MERGE), 422, "metadata")
    assert ok(await tenant.get(path))["metadata"] == document["metadata"]
