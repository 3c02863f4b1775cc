"""The number of statements that each route runs: one, unless the table gives a reason.

Each route is called over HTTP on a real database with a valid request and a cached key. The test counts all statements
of the answer, including those that a stream runs after its start. A new route fails here until it is in the table, and
a route that runs more statements than before fails with their names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from svc import metrics
from svc.access.failed_logins import FailedLogins
from svc.app import all_endpoints
from svc.database.statistics import StatementStatistics, collect_statistics
from svc.embedded.server import EmbeddedServer
from svc.web import observe
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, PATIENCE_S, Service, test_settings
from tests.routes.answers import ok
from tests.routes.endpoints import ids_of, key_for, name_of, path_of, send
from tests.routes.tenants import Tenant, direct_connection, new_tenant, shared_service


@dataclass(frozen=True)
class Count:
    """The number of statements of a route, with a `reason` if it is more than one."""

    statements: int
    reason: str = ""


CITED = "a second statement checks the citations, if there are any"

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
    "DELETE /users/{user_id}": Count(2, "the first waits for running transactions, so that the second sees all rows"),
    "GET /me/export": Count(
        18, "one bounded statement for each page of each table, so that no connection is held while a client reads"
    ),
    "POST /keys": Count(1),
    "GET /keys": Count(1),
    "GET /keys/{key_id}": Count(1),
    "DELETE /keys/{key_id}": Count(1),
    "POST /documents": Count(1),
    "GET /documents": Count(1),
    "GET /documents/{document_id}": Count(1),
    "GET /documents/{document_id}/content": Count(1),
    "GET /documents/{document_id}/text": Count(1),
    "PATCH /documents/{document_id}": Count(1),
    "DELETE /documents/{document_id}": Count(1),
    "GET /documents/{document_id}/chunks": Count(1),
    "GET /chunks/{chunk_id}": Count(1),
    "PUT /documents/{document_id}/content": Count(
        4, "the name determines the type; lock the document, read it to compare, change it: one transaction"
    ),
    "POST /documents/{document_id}/retry": Count(1),
    "POST /documents/{document_id}/rechunk": Count(1),
    "POST /documents/delete": Count(2, "choose and lock the documents, then delete them as every deletion does"),
    "POST /documents/retry": Count(1),
    "POST /documents/metadata": Count(1),
    "POST /documents/transfer": Count(
        10,
        "lock the rows, so that the next statement sees concurrent changes; delete the additional readings, which the "
        "receiver's collections do not have; read the receiver's plan; copy, move the "
        "chunks and delete, each a bounded number of rows at a time, and keep the plans meanwhile; queue the terms "
        "that are still to be made; count, which is last because all requests of a user share that row",
    ),
    "POST /search": Count(1),
    "POST /collections": Count(1),
    "GET /collections": Count(1),
    "GET /collections/{collection_id}": Count(1),
    "PATCH /collections/{collection_id}": Count(2, "change it, then count its files"),
    "DELETE /collections/{collection_id}": Count(
        3, "empty it and delete it, a bounded number of rows at a time, and the keys that reach it alone"
    ),
    "POST /collections/{collection_id}/files": Count(1),
    "GET /collections/{collection_id}/files": Count(1),
    "GET /collections/{collection_id}/files/{document_id}": Count(1),
    "GET /collections/{collection_id}/files/{document_id}/chunks": Count(
        3, "the place of the file in the collection, its chunks there, and whether the place is still the same"
    ),
    "PATCH /collections/{collection_id}/files/{document_id}": Count(1),
    "DELETE /collections/{collection_id}/files/{document_id}": Count(1),
    "POST /collections/{collection_id}/batches": Count(
        3, "begin the batch, add its files, count them: one transaction"
    ),
    "GET /collections/{collection_id}/batches/{batch_id}": Count(1),
    "POST /collections/{collection_id}/batches/{batch_id}/cancel": Count(2, "cancel it, then count its files"),
    "PUT /collections/{collection_id}/readers/{user}": Count(1),
    "DELETE /collections/{collection_id}/readers/{user}": Count(1),
    "GET /collections/{collection_id}/readers": Count(1),
    "POST /conversations": Count(1),
    "GET /conversations": Count(1),
    "GET /conversations/{conversation_id}": Count(1),
    "PATCH /conversations/{conversation_id}": Count(1),
    "DELETE /conversations/{conversation_id}": Count(1),
    "POST /conversations/{conversation_id}/messages": Count(1),
    "GET /conversations/{conversation_id}/messages": Count(2, CITED),
    "GET /conversations/{conversation_id}/context": Count(2, CITED),
    "GET /conversations/{conversation_id}/messages/{message_id}": Count(2, CITED),
    "PATCH /conversations/{conversation_id}/messages/{message_id}": Count(
        4,
        "read the message, whose tokens are counted without a transaction; wait for workers that embed it; change it; "
        "check the citations",
    ),
    "DELETE /conversations/{conversation_id}/messages/{message_id}": Count(
        2, "the first waits for workers that embed the message, so that the second sees its vectors"
    ),
    "POST /conversations/search": Count(3, f"the number of vectors determines the lane; {CITED}"),
    "POST /conversations/{conversation_id}/search": Count(3, f"the number of vectors determines the lane; {CITED}"),
    "POST /conversations/{conversation_id}/turn": Count(2, "the messages, and the chunks"),
    "GET /": Count(0),
    "GET /health/live": Count(0),
    "GET /health/ready": Count(2, "the queue and the migrations are two statements, and latency does not matter"),
    "GET /metrics": Count(1),
    "GET /openapi.json": Count(0),
    "GET /docs": Count(0),
}
# Requests with an unusual number of statements for their route: route, difference, options, number.
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
        Count(2, "the first waits for concurrent changes of the same documents, so that the second sees their result"),
    ),
    ("GET /documents", "in another order", {"params": {"sort": "-file_size"}}, Count(1)),
    ("GET /documents", "with their number", {"params": {"count": "true"}}, Count(2, "the list and the number")),
    ("GET /conversations", "with their number", {"params": {"count": "true"}}, Count(2, "the list and the number")),
    (
        "PATCH /documents/{document_id}",
        "of one version",
        {"headers": {"If-Match": "*"}},
        Count(3, "lock the document, read it to compare, change it: one transaction"),
    ),
    (
        "POST /conversations",
        "with a key",
        {"headers": {"Idempotency-Key": "{new}"}},
        Count(3, "claim the key, do the work, note what came of it: one transaction"),
    ),
    (
        "POST /conversations",
        "in collections",
        {"json": {"collection_ids": ["{collection_id}"]}},
        Count(2, "the collections are looked up and marked as used, as by a search"),
    ),
    (
        "POST /search",
        "in the documents of a conversation",
        {"json": {"query": "sentence", "conversation_id": "{conversation_id}"}},
        Count(2, "the lane depends on the number of documents to search"),
    ),
    (
        "POST /conversations/{conversation_id}/turn",
        "with the chunks around",
        {"json": {"query": "sentence", "search": {"neighbours": 2}}},
        Count(3, "the messages, the chunks, and the chunks around them"),
    ),
    (
        "POST /search",
        "with the chunks around",
        {"json": {"query": "sentence", "neighbours": 2}},
        Count(2, "a second statement reads the chunks around the results"),
    ),
    (
        "POST /search",
        "in a collection",
        {"json": {"query": "sentence", "collection_ids": ["{collection_id}"]}},
        Count(2, "the collection is marked as used, so that it does not expire"),
    ),
    ("GET /documents", "of a collection", {"params": {"collection_ids": "{collection_id}"}}, Count(1)),
    (
        "POST /collections",
        "with a key",
        {"headers": {"Idempotency-Key": "{new}"}},
        Count(3, "claim the key, do the work, note what came of it: one transaction"),
    ),
    (
        "POST /documents",
        "with a key",
        {"json": {"filename": "a.txt", "content": "a"}, "headers": {"Idempotency-Key": "{new}"}},
        Count(3, "claim the key, do the work, note what came of it: one transaction"),
    ),
    (
        "POST /documents",
        "to be skipped if it exists",
        {"json": {"filename": "{new}.txt", "content": "a", "on_conflict": "skip"}},
        Count(3, "serialise uploads with the name, find an identical document, store: one transaction"),
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


@pytest_asyncio.fixture(scope="module")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service that caches keys for longer than the tests take, since another lookup would be a statement."""
    async with shared_service(server, template, "shared_counts", test_settings(key_cache_s=60)) as service:
        yield service


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[StatementStatistics]:
    """The statistics of each request, in order. They are complete when the answer is complete."""
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
    """A tenant with one object of each kind, for requests that delete nothing."""
    tenant = await new_tenant(shared)
    return tenant, await ids_of(tenant)


async def failed(tenant: Tenant, ids: dict[str, str]) -> None:
    """Set the document to failed, so that it can be retried."""
    async with direct_connection(tenant.service) as connection:
        await connection.execute("update documents set status = 'error' where id = $1", UUID(ids["document_id"]))


async def answered(
    endpoint: Endpoint, tenant: Tenant, ids: dict[str, str], options: dict[str, Any], counted: list[StatementStatistics]
) -> list[str]:
    """Return the names of the statements of one valid request."""
    key = ADMIN_KEY if endpoint.method == "PATCH" else key_for(endpoint, tenant)
    if key == ADMIN_KEY and endpoint.access == "user":
        options = {**options, "headers": {**options.get("headers", {}), "Cabinet-User": tenant.id}}
    for warming in ({}, {"Cabinet-User": tenant.id}):
        await tenant.service.call("GET", "/me", ADMIN_KEY if warming else tenant.key, headers=warming)
    counted.clear()
    answer: httpx.Response = await send(tenant.service, endpoint, ids, key, **options)
    assert answer.status_code == endpoint.status, f"{answer.status_code}: {answer.text}"
    (statistics,) = counted
    # A process reads the shares of a tenant's terms only in the first search: test_the_shares_of_terms_are_read_once.
    return [name for name in statistics.names if name != "search/term_shares"]


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Return the options with names in braces replaced by ids."""
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value.format(**ids, new=uuid4().hex) if isinstance(value, str) else value


def test_every_route_is_in_the_table() -> None:
    assert COUNTS.keys() == {name_of(endpoint) for endpoint in all_endpoints()}
    unexplained = [name for name, count in COUNTS.items() if count.statements > 1 and not count.reason]
    assert not unexplained, "a route that runs more than one statement needs a reason"


async def test_a_key_outside_the_cache_costs_one_more_statement(
    kept: tuple[Tenant, dict[str, str]], counted: list[StatementStatistics]
) -> None:
    """Routes with a key look up a key, or a user in Cabinet-User, that is not in the cache."""
    tenant, ids = kept
    for endpoint in all_endpoints():
        if endpoint.access == "public":
            continue
        for key, headers, name in (
            (f"cab_{'x' * 43}", {}, "keys/authenticate"),
            (ADMIN_KEY, {"Cabinet-User": str(uuid4())}, "keys/tenant"),
        ):
            counted.clear()
            # The number of routes exceeds the number of unknown keys that are looked up without a pause.
            tenant.service.services.authenticator._failed_logins = FailedLogins()
            answer = await tenant.service.call(endpoint.method, path_of(endpoint, ids), key, headers=headers)
            assert answer.status_code in (400, 401, 404), answer.text
            assert counted[0].names == [name], name_of(endpoint)


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=name_of)
async def test_the_statements_of_a_route(
    endpoint: Endpoint, kept: tuple[Tenant, dict[str, str]], counted: list[StatementStatistics]
) -> None:
    tenant, ids = kept
    if endpoint.method == "DELETE" or endpoint.path.endswith(("/retry", "/rechunk", "/transfer", "/delete")):
        tenant = await new_tenant(tenant.service)
        ids = await ids_of(tenant)
    options: dict[str, Any] = {}
    if endpoint.path.endswith("/retry"):
        await failed(tenant, ids)
    if name_of(endpoint) == "POST /users":
        options = {"json": {"email": f"{uuid4().hex}@example.org"}}
    if name_of(endpoint) == "POST /plans":
        options = {"json": {"name": f"plan_{uuid4().hex[:12]}"}}
    names = await answered(endpoint, tenant, ids, options, counted)
    assert len(names) == COUNTS[name_of(endpoint)].statements, f"{name_of(endpoint)} runs {names}"


async def test_the_shares_of_terms_are_read_once(
    shared: Service, counted: list[StatementStatistics], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first search of a tenant reads them; afterwards, only the background reads them again."""
    tenant = await new_tenant(shared)
    for path in ("/search", "/conversations/search"):
        counted.clear()
        for _ in range(2):
            ok(await tenant.post(path, json={"query": "comet", "mode": "keyword"}))
        assert [each.names.count("search/term_shares") for each in counted] == [1, 0]
        with monkeypatch.context() as patched:
            patched.setattr("svc.search.query_terms._MISSING_KEPT_S", 0.0)
            counted.clear()
            before = _times_read()
            ok(await tenant.post(path, json={"query": "comet", "mode": "keyword"}))
            assert "search/term_shares" not in counted[0].names
            async with asyncio.timeout(PATIENCE_S):
                while _times_read() == before:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


def _times_read() -> float:
    labels = {"statement": "search/term_shares"}
    return metrics.REGISTRY.get_sample_value("cabinet_statement_seconds_count", labels) or 0.0


@pytest.mark.parametrize("case", OTHERWISE, ids=lambda case: f"{case[0]} {case[1]}")
async def test_the_statements_of_other_requests(
    case: tuple[str, str, dict[str, Any], Count],
    kept: tuple[Tenant, dict[str, str]],
    counted: list[StatementStatistics],
) -> None:
    route, _, options, count = case
    (endpoint,) = [endpoint for endpoint in all_endpoints() if name_of(endpoint) == route]
    tenant, ids = kept
    names = await answered(endpoint, tenant, ids, filled(options, ids), counted)
    assert len(names) == count.statements, f"{path_of(endpoint, ids)} runs {names}"
