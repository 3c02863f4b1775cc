"""The export over HTTP: access, format, and the effect of slow or disconnected clients on other requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message

from svc.app import create_app
from svc.errors import DatabaseUnavailableError
from tests.conftest import ADMIN_KEY, Service, running_service, test_settings
from tests.routes.answers import ok
from tests.routes.endpoints import ids_of
from tests.routes.tenants import Tenant
from tests.tenants.made_up import make_large_user

Send = Callable[[Message], Awaitable[None]]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_an_export_contains_all_data_of_the_user_and_nothing_else(
    shared: Service, tenant: Tenant, other: Tenant
) -> None:
    ids, others = await ids_of(tenant), await ids_of(other, "A text of another user.")
    answer = await tenant.get("/me/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == f'attachment; filename="cabinet-{tenant.id}.ndjson"'
    assert answer.headers["cache-control"] == "no-store"
    lines = lines_of(answer.text)
    assert (lines[0]["line"], lines[0]["user_id"], lines[-1]["line"]) == ("export", tenant.id, "end")
    exported = {line["id"] for line in lines if "id" in line}
    assert {tenant.id, ids["document_id"], ids["conversation_id"], ids["key_id"]} <= exported
    assert not set(others.values()) - {"pro"} & set(json.dumps(lines).split('"'))
    assert tenant.key[12:] not in answer.text
    assert "hash" not in {name for line in lines if line["line"] == "api_keys" for name in line}

    acting = await shared.call("GET", "/me/export", ADMIN_KEY, headers={"Cabinet-User": tenant.id})
    assert [line for line in lines_of(acting.text)[1:-1] if line["line"] not in ("api_keys", "usage_days")] == [
        line for line in lines[1:-1] if line["line"] not in ("api_keys", "usage_days")
    ]


async def test_a_head_request_reads_nothing(tenant: Tenant) -> None:
    answer = await tenant.service.call("HEAD", "/me/export", tenant.key)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"


async def test_a_slow_client_does_not_delay_other_requests(database_url: str) -> None:
    """The pool has one connection. While the client reads nothing, other requests are answered."""
    async with running_service(test_settings(pool_size=1, worker_concurrency=0), database_url) as service:
        user_id = await make_large_user(
            service.services.database, documents=3, chunks_each=300, conversations=1, messages_each=10
        )
        parts: list[bytes] = []

        async def send(message: Message) -> None:
            parts.append(message.get("body", b""))
            for _ in range(3):
                ok(await service.call("GET", "/documents", headers={"Cabinet-User": str(user_id)}))

        await _export(service, user_id, send)
        assert len(parts) > 8
        assert lines_of(b"".join(parts).decode())[-1]["rows"]["chunks"] == 900


async def test_a_disconnect_of_the_client_ends_the_export(idle: Service) -> None:
    user_id = await make_large_user(
        idle.services.database, documents=5, chunks_each=200, conversations=1, messages_each=10
    )
    gone, parts = asyncio.Event(), []

    async def send(message: Message) -> None:
        parts.append(message)
        if len(parts) == 4:
            gone.set()
            await asyncio.sleep(30)

    await asyncio.wait_for(_export(idle, user_id, send, gone), 10)
    assert len(parts) == 4
    assert idle.services.database.pool.busy_count == 0


async def test_an_export_interrupted_by_the_database_is_not_complete(idle: Service) -> None:
    user_id = await make_large_user(
        idle.services.database, documents=5, chunks_each=200, conversations=1, messages_each=10
    )
    parts: list[bytes] = []

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))
        if len(parts) == 4:
            await idle.services.database.pool.close()

    with pytest.raises((DatabaseUnavailableError, ExceptionGroup)):
        await _export(idle, user_id, send)
    assert b'"line":"end"' not in b"".join(parts)


async def _export(service: Service, user_id: UUID, send: Send, gone: asyncio.Event | None = None) -> None:
    """Request an export over ASGI. The client disconnects when `gone` is set."""
    headers = [(b"authorization", f"Bearer {ADMIN_KEY}".encode()), (b"cabinet-user", str(user_id).encode())]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/me/export", "raw_path": b"/me/export", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    begun: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if begun:
            return begun.pop()
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    await create_app(service.services)(scope, receive, send)
