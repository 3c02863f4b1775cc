"""How many statements each route runs: one, unless the table says why not.

Each is called over HTTP on the real database with a good request, by a caller whose key is already known. What is
counted are the statements of the whole answer, those too that a stream runs after it has begun. A new route fails here
until it stands in the table, and a route that begins to run more fails with the names of what it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from svc.app import all_endpoints
from svc.database.statistics import StatementStatistics, collect_statistics
from svc.web import observe
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, Service
from tests.routes.endpoints import ids_of, key_for, name_of, path_of, send
from tests.routes.tenants import Tenant, direct_connection, new_tenant


@dataclass(frozen=True)
class Count:
    """What a route may run; `reason` where that is more than one statement."""

    statements: int
    reason: str = ""


CITED = "what has become of the citations is a second look, and none where there are none"

COUNTS: dict[str, Count] = {
    "POST /users": Count(1),
    "GET /users": Count(1),
    "GET /users/{user_id}": Count(1),
    "GET /me": Count(1),
    "GET /me/quotas": Count(1),
    "GET /me/preferences": Count(1),
    "PATCH /me/preferences": Count(1),
    "GET /plans": Count(1),
    "POST /plans": Count(1),
    "GET /plans/{plan}": Count(1),
    "PATCH /plans/{plan}": Count(1),
    "GET /usage": Count(1),
    "GET /usage/users": Count(1),
    "PATCH /users/{user_id}": Count(1),
    "DELETE /users/{user_id}": Count(2, "the first waits for what is under way, so that the second sees all there is"),
    "GET /me/export": Count(
        15, "a bounded statement for each page of each table, so that no connection is held while a client reads"
    ),
    "POST /keys": Count(1),
    "GET /keys": Count(1),
    "DELETE /keys/{key_id}": Count(1),
    "POST /documents": Count(1),
    "GET /documents": Count(1),
    "GET /documents/{document_id}": Count(1),
    "GET /documents/{document_id}/content": Count(1),
    "PATCH /documents/{document_id}": Count(1),
    "DELETE /documents/{document_id}": Count(1),
    "GET /documents/{document_id}/chunks": Count(1),
    "POST /documents/{document_id}/retry": Count(1),
    "POST /documents/delete": Count(1),
    "POST /documents/retry": Count(1),
    "POST /documents/metadata": Count(1),
    "POST /documents/transfer": Count(
        3, "lock the rows, so that all that was waited for is seen; look at the receiver's plan; move"
    ),
    "POST /search": Count(1),
    "POST /conversations": Count(1),
    "GET /conversations": Count(1),
    "GET /conversations/{conversation_id}": Count(1),
    "PATCH /conversations/{conversation_id}": Count(1),
    "DELETE /conversations/{conversation_id}": Count(1),
    "POST /conversations/{conversation_id}/messages": Count(1),
    "GET /conversations/{conversation_id}/messages": Count(2, CITED),
    "GET /conversations/{conversation_id}/context": Count(2, CITED),
    "POST /conversations/search": Count(3, f"how many vectors there are picks the lane; {CITED}"),
    "POST /conversations/{conversation_id}/search": Count(3, f"how many vectors there are picks the lane; {CITED}"),
    "GET /": Count(0),
    "GET /health/live": Count(0),
    "GET /health/ready": Count(2, "the queue and the migrations are two questions, and nobody waits for the answer"),
    "GET /metrics": Count(1),
    "GET /openapi.json": Count(0),
    "GET /docs": Count(0),
}
# Requests that cost another number than their route's usual one: route, what is different, its options, the number.
OTHERWISE: list[tuple[str, str, dict[str, Any], Count]] = [
    ("GET /documents", "of one status", {"params": {"status": "ready"}}, Count(1)),
    (
        "GET /conversations",
        "with messages that cite",
        {"params": {"recent": 10}},
        Count(2, CITED),
    ),
    (
        "PATCH /conversations/{conversation_id}",
        "with documents",
        {"json": {"document_ids": []}},
        Count(2, "the first waits for a change of the same documents, so that the second sees what it left"),
    ),
    (
        "POST /search",
        "in the documents of a conversation",
        {"json": {"query": "sentence", "conversation_id": "{conversation_id}"}},
        Count(2, "the lane depends on how many documents there are to search"),
    ),
    (
        "POST /documents",
        "with a key",
        {"json": {"filename": "a.txt", "content": "a"}, "headers": {"Idempotency-Key": "{new}"}},
        Count(3, "claim the key, do the work, note what came of it: one transaction"),
    ),
    (
        "POST /documents",
        "to be skipped where it is there",
        {"json": {"filename": "{new}.txt", "content": "a", "on_conflict": "skip"}},
        Count(3, "wait for others of the name, look for the same, store: one transaction"),
    ),
    (
        "POST /documents",
        "to replace",
        {"json": {"filename": "{new}.txt", "content": "a", "on_conflict": "replace"}},
        Count(1),
    ),
    (
        "POST /conversations/{conversation_id}/messages",
        "with a key",
        {"headers": {"Idempotency-Key": "{new}"}},
        Count(3, "claim the key, do the work, note what came of it: one transaction"),
    ),
]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[StatementStatistics]:
    """The statistics of each request, in their order; complete once its answer is."""
    each: list[StatementStatistics] = []

    @contextmanager
    def collecting() -> Iterator[StatementStatistics]:
        with collect_statistics() as statistics:
            each.append(statistics)
            yield statistics

    monkeypatch.setattr(observe, "collect_statistics", collecting)
    return each


@pytest_asyncio.fixture(scope="module")
async def kept(shared: Service) -> tuple[Tenant, dict[str, str]]:
    """A tenant with one thing of each kind, for the requests that take nothing away."""
    tenant = await new_tenant(shared)
    return tenant, await ids_of(tenant)


async def failed(tenant: Tenant, ids: dict[str, str]) -> None:
    """Let the document have failed, so that it can be tried again."""
    async with direct_connection(tenant.service) as connection:
        await connection.execute("update documents set status = 'error' where id = $1", UUID(ids["document_id"]))


async def answered(
    endpoint: Endpoint, tenant: Tenant, ids: dict[str, str], options: dict[str, Any], counted: list[StatementStatistics]
) -> list[str]:
    """The names of the statements of one good request."""
    key = ADMIN_KEY if endpoint.method == "PATCH" else key_for(endpoint, tenant)
    if key == ADMIN_KEY and endpoint.access == "user":
        options = {**options, "headers": {**options.get("headers", {}), "Cabinet-User": tenant.id}}
    for warming in ({}, {"Cabinet-User": tenant.id}):
        await tenant.service.call("GET", "/me", ADMIN_KEY if warming else tenant.key, headers=warming)
    counted.clear()
    answer: httpx.Response = await send(tenant.service, endpoint, ids, key, **options)
    assert answer.status_code == endpoint.status, f"{answer.status_code}: {answer.text}"
    (statistics,) = counted
    return statistics.names


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The options with ids in place of their names in braces."""
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    return value.format(**ids, new=uuid4().hex) if isinstance(value, str) else value


def test_every_route_has_its_number() -> None:
    assert COUNTS.keys() == {name_of(endpoint) for endpoint in all_endpoints()}
    unexplained = [name for name, count in COUNTS.items() if count.statements > 1 and not count.reason]
    assert not unexplained, "a route that runs more than one statement says why"


async def test_an_unknown_key_costs_a_statement_more(
    kept: tuple[Tenant, dict[str, str]], counted: list[StatementStatistics]
) -> None:
    """Every keyed route looks up a key, and a user for whom the admin acts, that it has not seen for a while."""
    tenant, ids = kept
    for endpoint in all_endpoints():
        if endpoint.access == "public":
            continue
        for key, headers, name in (
            (f"cab_{'x' * 43}", {}, "keys/authenticate"),
            (ADMIN_KEY, {"Cabinet-User": str(uuid4())}, "keys/tenant"),
        ):
            counted.clear()
            answer = await tenant.service.call(endpoint.method, path_of(endpoint, ids), key, headers=headers)
            assert answer.status_code in (400, 401, 404), answer.text
            assert counted[0].names == [name], name_of(endpoint)


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=name_of)
async def test_the_statements_of_a_route(
    endpoint: Endpoint, kept: tuple[Tenant, dict[str, str]], counted: list[StatementStatistics]
) -> None:
    tenant, ids = kept
    if endpoint.method == "DELETE" or endpoint.path.endswith(("/retry", "/transfer", "/delete")):
        tenant = await new_tenant(tenant.service)
        ids = await ids_of(tenant)
    options: dict[str, Any] = {}
    if endpoint.path.endswith("/retry"):
        await failed(tenant, ids)
    if name_of(endpoint) == "POST /users":
        options = {"json": {"email": f"{uuid4().hex}@example.org"}}
    names = await answered(endpoint, tenant, ids, options, counted)
    assert len(names) == COUNTS[name_of(endpoint)].statements, f"{name_of(endpoint)} runs {names}"


@pytest.mark.parametrize("case", OTHERWISE, ids=lambda case: f"{case[0]} {case[1]}")
async def test_the_statements_of_a_request_that_asks_for_more(
    case: tuple[str, str, dict[str, Any], Count],
    kept: tuple[Tenant, dict[str, str]],
    counted: list[StatementStatistics],
) -> None:
    route, _, options, count = case
    (endpoint,) = [endpoint for endpoint in all_endpoints() if name_of(endpoint) == route]
    tenant, ids = kept
    names = await answered(endpoint, tenant, ids, filled(options, ids), counted)
    assert len(names) == count.statements, f"{path_of(endpoint, ids)} runs {names}"
