"""Requests with the same `Idempotency-Key` take effect once, whether sent one after the other or concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from svc.jobs import sweep
from tests.conftest import Service
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

UPLOAD = {"filename": "a.txt", "content": "Some text.", "metadata": {"a": 1, "b": [2]}}
MESSAGE = {"role": "user", "content": "Hello"}


def with_key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def path_of_new(tenant: Tenant) -> str:
    return f"/conversations/{(await tenant.conversation())['id']}/messages"


async def the_upload(tenant: Tenant) -> tuple[str, Any, str]:
    return "/documents", UPLOAD, "documents"


async def the_message(tenant: Tenant) -> tuple[str, Any, str]:
    return await path_of_new(tenant), MESSAGE, "messages"


async def the_messages(tenant: Tenant) -> tuple[str, Any, str]:
    chunk = (await tenant.chunks((await tenant.ready_document("cited.txt", "Cited."))["id"]))[0]["id"]
    path = await path_of_new(tenant)
    ok(await tenant.post(path, json=MESSAGE), 201)
    return path, [{**MESSAGE, "sources": [chunk]}, {**MESSAGE, "role": "assistant"}], "messages"


MAKERS: list[Callable[[Tenant], Awaitable[tuple[str, Any, str]]]] = [the_upload, the_message, the_messages]
EACH = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def is_replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotency-replayed") == "true")


def lasting(answer: httpx.Response) -> Any:
    """Return the answer without the fields of a document that the worker changes."""
    body = answer.json()
    if "data" in body:
        return body
    return {name: body[name] for name in ("id", "filename", "file_size", "metadata", "created_at")}


@EACH
async def test_a_repeated_request_takes_effect_once(
    tenant: Tenant, make: Callable[[Tenant], Awaitable[tuple[str, Any, str]]]
) -> None:
    path, body, table = await make(tenant)
    first = await tenant.post(path, json=body, headers=with_key("key-1"))
    assert first.is_success, first.text
    assert not is_replayed(first)
    stored = (await rows_of(tenant.service, tenant.id))[table]
    for _ in range(3):
        again = await tenant.post(path, json=body, headers=with_key("key-1"))
        assert is_replayed(again)
        assert (again.status_code, lasting(again)) == (first.status_code, lasting(first))
    assert (await rows_of(tenant.service, tenant.id))[table] == stored

    other = await tenant.post(path, json=body, headers=with_key("key-2"))
    without = await tenant.post(path, json=body)
    assert not is_replayed(other)
    assert not is_replayed(without)
    assert lasting(first) != lasting(other) != lasting(without)


@EACH
async def test_concurrent_repeated_requests_take_effect_once(
    tenant: Tenant, make: Callable[[Tenant], Awaitable[tuple[str, Any, str]]]
) -> None:
    """There are more requests than connections in the pool."""
    path, body, table = await make(tenant)
    before = (await rows_of(tenant.service, tenant.id)).get(table, 0)
    answers = await asyncio.gather(*(tenant.post(path, json=body, headers=with_key("key")) for _ in range(24)))
    assert {answer.status_code for answer in answers} == {202 if table == "documents" else 201}
    assert [is_replayed(answer) for answer in answers].count(False) == 1
    assert len({str(lasting(answer)) for answer in answers}) == 1
    count = len(body) if isinstance(body, list) else 1
    assert (await rows_of(tenant.service, tenant.id))[table] == before + count


async def test_concurrent_requests_with_different_keys_each_take_effect_once(tenant: Tenant) -> None:
    path = await path_of_new(tenant)
    sent = [(number, {**MESSAGE, "content": f"message {number}"}) for number in range(16) for _ in range(3)]
    answers = await asyncio.gather(
        *(tenant.post(path, json=body, headers=with_key(f"key-{number}")) for number, body in sent)
    )
    assert {answer.status_code for answer in answers} == {201}
    read = ok(await tenant.get(path, params={"limit": 100}))["data"]
    assert [message["position"] for message in read] == list(range(1, 17))
    assert sorted(message["content"] for message in read) == sorted({body["content"] for _, body in sent})


OTHERS: list[tuple[Any, Any]] = [
    (UPLOAD, {**UPLOAD, "content": "Some text"}),
    (UPLOAD, {**UPLOAD, "filename": "b.txt"}),
    (UPLOAD, {**UPLOAD, "metadata": {"a": 1, "b": [3]}}),
    (MESSAGE, {**MESSAGE, "content": "Hello."}),
    (MESSAGE, {**MESSAGE, "role": "assistant"}),
    (MESSAGE, {**MESSAGE, "token_count": 1}),
    (MESSAGE, [MESSAGE, MESSAGE]),
]


@pytest.mark.parametrize(("body", "other"), OTHERS)
async def test_the_same_key_with_another_request_is_refused(tenant: Tenant, body: Any, other: Any) -> None:
    path = "/documents" if body is UPLOAD else await path_of_new(tenant)
    first = await tenant.post(path, json=body, headers=with_key("key"))
    before = await rows_of(tenant.service, tenant.id)
    refused = problem(await tenant.post(path, json=other, headers=with_key("key")), 422, "Idempotency-Key")
    assert "another request" in refused["detail"]
    assert (await rows_of(tenant.service, tenant.id))["idempotency_keys"] == before["idempotency_keys"]
    again = await tenant.post(path, json=body, headers=with_key("key"))
    assert lasting(again) == lasting(first), "the first result is still stored"


async def test_the_same_key_for_another_conversation_is_refused(tenant: Tenant) -> None:
    one, two = await path_of_new(tenant), await path_of_new(tenant)
    ok(await tenant.post(one, json=MESSAGE, headers=with_key("key")), 201)
    problem(await tenant.post(two, json=MESSAGE, headers=with_key("key")), 422, "Idempotency-Key")
    assert ok(await tenant.get(two))["data"] == []


async def test_a_key_belongs_to_one_user_and_one_route(tenant: Tenant, other: Tenant) -> None:
    path = await path_of_new(tenant)
    answers = [
        await tenant.post(path, json=MESSAGE, headers=with_key("key")),
        await tenant.post("/documents", json=UPLOAD, headers=with_key("key")),
        await other.post(await path_of_new(other), json=MESSAGE, headers=with_key("key")),
        await other.post("/documents", json=UPLOAD, headers=with_key("key")),
    ]
    assert all(answer.is_success and not is_replayed(answer) for answer in answers)


async def test_the_order_of_fields_and_the_form_of_an_upload_do_not_matter(tenant: Tenant) -> None:
    reordered = {**UPLOAD, "metadata": {"b": [2], "a": 1}}
    first = await tenant.post("/documents", json=UPLOAD, headers=with_key("key"))
    as_form = {
        "files": {"file": ("a.txt", b"Some text.", "text/plain")},
        "data": {"metadata": '{"b": [2], "a": 1}'},
    }
    for options in ({"json": reordered}, as_form, as_form):
        answer = await tenant.post("/documents", headers=with_key("key"), **options)
        assert is_replayed(answer), answer.text
        assert lasting(answer) == lasting(first)


async def test_a_failed_request_leaves_no_key(tenant: Tenant) -> None:
    path = await path_of_new(tenant)
    uncited = {**MESSAGE, "sources": [str(uuid4())]}
    problem(await tenant.post(path, json=uncited, headers=with_key("key")), 422, "sources")
    problem(await tenant.post(f"/conversations/{uuid4()}/messages", json=MESSAGE, headers=with_key("key")), 404)
    problem(await tenant.post("/documents", json={**UPLOAD, "content": "GIF89a"}, headers=with_key("key")), 415)
    assert "idempotency_keys" not in await rows_of(tenant.service, tenant.id)
    answer = await tenant.post(path, json=MESSAGE, headers=with_key("key"))
    assert ok(answer, 201)["data"][0]["position"] == 1
    assert not is_replayed(answer)


async def test_a_deleted_document_is_not_created_again(tenant: Tenant) -> None:
    path = await path_of_new(tenant)
    ok(await tenant.post(path, json=MESSAGE, headers=with_key("key")), 201)
    done(await tenant.delete(path.removesuffix("/messages")))
    problem(await tenant.post(path, json=MESSAGE, headers=with_key("key")), 404)

    document = ok(await tenant.post("/documents", json=UPLOAD, headers=with_key("key")), 202)
    done(await tenant.delete(f"/documents/{document['id']}"))
    problem(await tenant.post("/documents", json=UPLOAD, headers=with_key("key")), 409, "Idempotency-Key")
    assert ok(await tenant.get("/documents"))["data"] == []


@pytest.mark.parametrize("key", [b"", b" ", b"a" * 256, b"a\tb", b"\xc3\xa9", b"a\x7f"])
async def test_an_invalid_key_is_refused(tenant: Tenant, key: bytes) -> None:
    for path, body in ((await path_of_new(tenant), MESSAGE), ("/documents", UPLOAD)):
        answer = await tenant.service.client.post(
            path, json=body, headers={b"Idempotency-Key": key, b"Authorization": f"Bearer {tenant.key}".encode()}
        )
        problem(answer, 422, "Idempotency-Key")


@pytest.mark.parametrize(
    "key",
    ["a", "a" * 255, "two words", '"quoted"', "0d2b1a2c-7f7e-4a5e-9d3b-9a4c8f0e6b11", "~!@#$%^&*()_+;:,.<>/?\\|'"],
)
async def test_any_other_key_is_accepted(tenant: Tenant, key: str) -> None:
    path = await path_of_new(tenant)
    for is_second in (False, True):
        answer = await tenant.post(path, json=MESSAGE, headers=with_key(key))
        assert ok(answer, 201)["data"][0]["position"] == 1
        assert is_replayed(answer) == is_second


async def test_a_request_waits_for_one_with_the_same_key_and_runs_if_that_fails(tenant: Tenant) -> None:
    path = await path_of_new(tenant)
    async with direct_connection(tenant.service) as connection:
        at_work = connection.transaction()
        await at_work.start()
        await connection.execute(
            "insert into idempotency_keys (user_id, route, key, request_digest) values ($1::uuid, $2, 'key', $3)",
            tenant.id, "POST /conversations/{conversation_id}/messages", b"\0" * 32,
        )  # fmt: skip
        waiting = asyncio.create_task(tenant.post(path, json=MESSAGE, headers=with_key("key")))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await at_work.rollback()
        answer = await waiting
    assert ok(answer, 201)["data"][0]["position"] == 1
    assert not is_replayed(answer)


# --- expiry after a day


async def age(service: Service, tenant: Tenant, hours: float) -> None:
    async with direct_connection(service) as connection:
        await connection.execute(
            "update idempotency_keys set created_at = created_at - $2 * interval '1 hour' where user_id = $1::uuid",
            tenant.id, hours,
        )  # fmt: skip


async def test_a_key_is_kept_for_a_day(tenant: Tenant) -> None:
    path = await path_of_new(tenant)
    first = ok(await tenant.post(path, json=MESSAGE, headers=with_key("key")), 201)
    await age(tenant.service, tenant, 23.9)
    assert ok(await tenant.post(path, json=MESSAGE, headers=with_key("key")), 201) == first
    await age(tenant.service, tenant, 0.2)
    later = await tenant.post(path, json={**MESSAGE, "content": "Other"}, headers=with_key("key"))
    assert ok(later, 201)["data"][0]["position"] == 2
    assert not is_replayed(later)
    again = await tenant.post(path, json={**MESSAGE, "content": "Other"}, headers=with_key("key"))
    assert is_replayed(again)
    assert again.json() == later.json()


async def test_expired_keys_are_swept_in_small_batches(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_KEYS_AT_ONCE", 4)
    tenants = [await new_tenant(idle) for _ in range(2)]
    for tenant in tenants:
        path = await path_of_new(tenant)
        for number in range(6):
            ok(await tenant.post(path, json=MESSAGE, headers=with_key(f"old-{number}")), 201)
        await age(idle, tenant, 24.1)
        ok(await tenant.post(path, json=MESSAGE, headers=with_key("new")), 201)
        ok(await tenant.post(path, json=MESSAGE, headers=with_key("old-0")), 201)  # expired, so the key is free again
    batches = [await sweep.sweep_keys(idle.services.database) for _ in range(4)]
    assert batches == [4, 4, 2, 0]
    async with direct_connection(idle) as connection:
        rows = await connection.fetch("select key, count(*) from idempotency_keys group by key order by key")
    assert [tuple(row) for row in rows] == [("new", 2), ("old-0", 2)]


async def test_the_sweep_does_not_wait_for_a_key_that_is_being_claimed(idle: Service) -> None:
    tenant = await new_tenant(idle)
    path = await path_of_new(tenant)
    ok(await tenant.post(path, json=MESSAGE, headers=with_key("key")), 201)
    await age(idle, tenant, 25)
    async with direct_connection(idle) as connection, connection.transaction():
        await connection.execute("update idempotency_keys set created_at = now()")
        assert await asyncio.wait_for(sweep.sweep_keys(idle.services.database), 5) == 1
    assert (await rows_of(idle, tenant.id))["idempotency_keys"] == 1
