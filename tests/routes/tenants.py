"""A service that many tests share, and the tenants that each test creates on it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from svc.embedded.server import EmbeddedServer
from svc.settings import Settings
from tests.conftest import PATIENCE_S, Service, clone, running_service
from tests.kept_connections import kept_connection

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Tenant:
    """A user of a service, with the user's key."""

    service: Service
    id: str
    key: str

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request with this user's key."""
        return await self.service.call("GET", path, self.key, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return await self.service.call("POST", path, self.key, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        """Send a PATCH request."""
        return await self.service.call("PATCH", path, self.key, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        """Send a DELETE request."""
        return await self.service.call("DELETE", path, self.key, **options)

    async def ready_document(self, filename: str, content: str, **metadata: Any) -> dict[str, Any]:
        """Upload a text and wait until it is ready."""
        return await self.service.ready_document(self.key, filename, content, **metadata)

    async def upload(self, filename: str, content: str, **metadata: Any) -> dict[str, Any]:
        """Upload a text without waiting for its ingestion."""
        body = {"filename": filename, "content": content, "metadata": metadata}
        response = await self.post("/documents", json=body)
        assert response.status_code == 202, response.text
        return dict(response.json())

    async def ended(self, document_id: str) -> dict[str, Any]:
        """Wait until a document is no longer processing and return it."""
        return await self.service.ended(self.key, document_id)

    async def conversation(self, **values: Any) -> dict[str, Any]:
        """Create a conversation."""
        response = await self.post("/conversations", json=values)
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def say(self, conversation_id: str, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """Append messages and wait until a search can find them."""
        response = await self.post(f"/conversations/{conversation_id}/messages", json=list(messages))
        assert response.status_code == 201, response.text
        await self.embedded(conversation_id)
        return list(response.json()["data"])

    async def embedded(self, conversation_id: str, within_s: float = PATIENCE_S) -> None:
        """Wait until all messages of a conversation are embedded."""
        deadline = time.monotonic() + within_s
        async with direct_connection(self.service) as connection:
            query = "select exists (select from message_jobs where conversation_id = $1)"
            while await connection.fetchval(query, UUID(conversation_id)):
                assert time.monotonic() < deadline, f"not embedded after {within_s} s"
                await asyncio.sleep(0.02)

    async def chunks(self, document_id: str) -> list[dict[str, Any]]:
        """Return the first 100 chunks of a document."""
        response = await self.get(f"/documents/{document_id}/chunks", params={"limit": 100})
        assert response.status_code == 200, response.text
        return list(response.json()["data"])


async def new_tenant(service: Service) -> Tenant:
    """Create a user for one test."""
    number = next(_numbers)
    return Tenant(service, *await service.user(f"tenant{number}@example.org"))


@asynccontextmanager
async def shared_service(
    server: EmbeddedServer, template: str, name: str, settings: Settings, **session: str
) -> AsyncIterator[Service]:
    """Run a service on a new database of this name for the block. `session`: settings of each connection to it."""
    async with clone(server, template, name, **session) as url, running_service(settings, url) as service:
        yield service


@asynccontextmanager
async def direct_connection(service: Service) -> AsyncIterator[Any]:
    """Lend a connection of the owner, to read or change the database without the service."""
    async with kept_connection(service.url) as connection:
        yield connection


async def rows_of(service: Service, user_id: str) -> dict[str, int]:
    """Return the number of the user's rows in each table with a column `user_id`, omitting zeros."""
    async with direct_connection(service) as connection:
        tables = await connection.fetch(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relkind = 'r' and a.attname = 'user_id' and c.relnamespace = 'public'::regnamespace"
        )
        assert len(tables) >= 8, "the tenant tables were not found"
        counts = " union all ".join(
            f"select '{table}', count(*) from {table} where user_id = $1::uuid" for (table,) in tables
        )
        return {table: count for table, count in await connection.fetch(counts, user_id) if count}


NOT_LEFT = {"usage_days", "tenant_totals", "term_samples", "term_stats"}
"""The tables of counts, whose rows outlive the counted data."""


async def rows_left(service: Service, user_id: str) -> dict[str, int]:
    """Like `rows_of`, without the tables of counts."""
    rows = await rows_of(service, user_id)
    return {table: count for table, count in rows.items() if table not in NOT_LEFT}
