"""Streamed answers end when the key with which they were requested is revoked, or their file or user is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from svc.errors import CabinetError
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import done, ok
from tests.routes.tenants import Tenant, new_tenant

# Several parts of a download, of an export and of a text.
CONTENT = "The crater is four kilometres deep. " * 12_000


class Reader:
    """A client that does something after the first part of an answer, and then reads on."""

    def __init__(self, service: Service, key: str, path: str, then: Callable[[], Awaitable[object]]) -> None:
        self.body = bytearray()
        self.is_whole = False
        self._app = service.client._transport.app  # type: ignore[attr-defined]
        self._scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
            "headers": [(b"host", b"cabinet"), (b"authorization", f"Bearer {key}".encode())],
            "client": ("127.0.0.1", 1), "server": ("cabinet", 80),
        }  # fmt: skip
        self._then: Callable[[], Awaitable[object]] | None = then
        self._is_sent = False

    async def read(self) -> None:
        """Request the answer, and read until it ends."""
        with suppress(CabinetError):
            await self._app(self._scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._is_sent:
            await asyncio.Event().wait()
        self._is_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return
        self.body += message.get("body", b"")
        self.is_whole = not message.get("more_body", False)
        if self.body and self._then is not None:
            then, self._then = self._then, None
            await then()


async def nothing() -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    "path", ["/documents/{id}/content", "/v1/files/file-{hex}/content", "/documents/{id}/text", "/me/export"]
)
@pytest.mark.parametrize("change", ["nothing", "revoked", "deleted", "erased"])
async def test_a_streamed_answer_ends_with_its_key(shared: Service, path: str, change: str) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("craters.txt", CONTENT)
    other = ok(await tenant.post("/keys", json={"name": "other"}), 201)
    changes: dict[str, Callable[[], Awaitable[object]]] = {
        "nothing": nothing,
        "revoked": lambda: _revoke(tenant, other["key"]["id"]),
        "deleted": lambda: tenant.delete(f"/documents/{document['id']}"),
        "erased": lambda: shared.call("DELETE", f"/users/{tenant.id}", ADMIN_KEY),
    }
    reader = Reader(
        shared, other["api_key"], path.format(id=document["id"], hex=UUID(document["id"]).hex), changes[change]
    )

    await reader.read()

    is_snapshot = path == "/me/export" and change == "deleted"
    assert reader.is_whole == (change == "nothing" or is_snapshot)


async def _revoke(tenant: Tenant, key_id: str) -> None:
    done(await tenant.delete(f"/keys/{key_id}"))
