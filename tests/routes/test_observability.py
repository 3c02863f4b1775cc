from __future__ import annotations

import logging
import re
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message, Scope

from svc.access.keys import generate_key
from svc.app import create_app
from svc.web.dispatch import starlette_routes
from svc.web.observe import MAX_STATEMENTS
from svc.web.request import Call
from svc.web.routing import Routes
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import ok, problem, statements
from tests.routes.tenants import Tenant, new_tenant

chatty = Routes("chatty")


@chatty.get("/chatty/ten", access="public")
async def ten(call: Call) -> None:
    """Run the most statements that are not logged as too many."""
    for _ in range(MAX_STATEMENTS):
        await call.services.database.one("server/health")


@chatty.get("/chatty/eleven", access="public")
async def eleven(call: Call) -> None:
    """Run one statement too many."""
    await ten(call)
    await call.services.database.value("ingest/next_due")


@chatty.get("/chatty/fault", access="public")
async def fault(_call: Call) -> None:
    """Fail with an unexpected error."""
    raise RuntimeError("a bug in Cabinet")


async def chatty_answer(service: Service, path: str) -> httpx.Response:
    app = create_app(service.services)
    app.router.routes.extend(starlette_routes(chatty.endpoints))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cabinet") as client:
        return await client.get(path)


async def metric(service: Service, name: str, **labels: str) -> float:
    """Return the value of one series of /metrics, or 0 if it does not exist."""
    text = (await service.call("GET", "/metrics", key=None)).text
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")) == labels:
            return float(match[3])
    return 0.0


# --- request ids


@pytest.mark.parametrize("given", ["a", "0b5c-4.f_9", "A" * 64, "550e8400-e29b-41d4-a716-446655440000"])
async def test_a_well_formed_request_id_is_kept(shared: Service, given: str) -> None:
    for path in ("/health/live", "/nothing"):
        answer = await shared.call("GET", path, headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == given
    assert problem(answer, 404)["request_id"] == given


@pytest.mark.parametrize(
    "given", [b"", b"A" * 65, b"two words", b"<script>", b"a/b", b"a\x7f", b"\xc3\xa9", b'a"b', b"a,b", b"a\tb"]
)
async def test_any_other_request_id_is_replaced(shared: Service, given: bytes) -> None:
    answer = await shared.client.get("/health/live", headers={b"X-Request-Id": given})
    replaced = answer.headers["x-request-id"]
    assert replaced.encode() != given
    assert re.fullmatch(r"[0-9a-f]{16}", replaced)


async def test_each_request_has_its_own_id(shared: Service) -> None:
    ids = {(await shared.call("GET", "/health/live")).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


# --- time in the database


async def test_every_answer_reports_its_time_in_the_database(shared: Service, tenant: Tenant) -> None:
    await tenant.get("/me")
    counts = {
        "one": statements(await tenant.get("/me")),
        "none": statements(await shared.call("GET", "/health/live", key=None)),
        "no such path": statements(await shared.call("GET", "/nothing")),
        "no such method": statements(await shared.call("PUT", "/me", tenant.key)),
        "no key": statements(await shared.call("GET", "/me", key=None)),
        "no such key": statements(await shared.call("GET", "/me", generate_key().key)),
        "a mistyped key": statements(await shared.call("GET", "/me", "cab_wrong")),
        "no such document": statements(await tenant.get(f"/documents/{uuid4()}")),
        "broken body": statements(await tenant.post("/search", content=b"{", headers={"Content-Type": "text/plain"})),
        "an asset": statements(await shared.call("GET", "/docs/assets/swagger-ui.css", key=None)),
        "an internal error": statements(await chatty_answer(shared, "/chatty/fault")),
    }
    assert counts == {
        "one": 1, "none": 0, "no such path": 0, "no such method": 0, "no key": 0, "no such key": 1, "a mistyped key": 0,
        "no such document": 2, "broken body": 0, "an asset": 0, "an internal error": 0,
    }  # fmt: skip


async def test_the_time_of_the_database_is_measured(shared: Service) -> None:
    timing = (await chatty_answer(shared, "/chatty/ten")).headers["server-timing"]
    milliseconds = float(timing.partition("dur=")[2].partition(";")[0])
    assert 0 < milliseconds < 10_000


async def test_too_many_statements_are_logged(shared: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "svc.web.observe")
    assert statements(await chatty_answer(shared, "/chatty/ten")) == MAX_STATEMENTS
    assert not caplog.records
    assert statements(await chatty_answer(shared, "/chatty/eleven")) == MAX_STATEMENTS + 1
    (record,) = caplog.records
    message = record.getMessage()
    assert "GET /chatty/eleven ran 11 statements" in message
    assert "server/health" in message
    assert "ingest/next_due" in message


# --- metrics


async def test_requests_are_counted_by_their_route(shared: Service, tenant: Tenant) -> None:
    labels = {"method": "GET", "route": "/documents/{document_id}", "status": "404"}
    before = await metric(shared, "cabinet_requests_total", **labels)
    for _ in range(3):
        problem(await tenant.get(f"/documents/{uuid4()}"), 404)
    assert await metric(shared, "cabinet_requests_total", **labels) == before + 3
    timed = {"method": "GET", "route": "/documents/{document_id}"}
    assert await metric(shared, "cabinet_request_seconds_count", **timed) >= 3


async def test_clients_cannot_create_series(shared: Service) -> None:
    """A series exists as long as the process, so clients must not be able to create series."""
    for number in range(5):
        await shared.call("GET", f"/made/up/{number}", key=None)
        await shared.call(f"BREW{number}", "/users", key=None)
        await shared.call("GET", f"/docs/assets/none{number}.js", key=None)
    text = (await shared.call("GET", "/metrics", key=None)).text
    assert "made/up" not in text
    assert "BREW" not in text
    assert "none1.js" not in text
    assert await metric(shared, "cabinet_requests_total", method="GET", route="(none)", status="404") >= 5
    assert await metric(shared, "cabinet_requests_total", method="(other)", route="/users", status="405") >= 5


async def test_statements_are_timed_by_their_name(shared: Service, tenant: Tenant) -> None:
    labels = {"statement": "conversations/list"}
    before = await metric(shared, "cabinet_statement_seconds_count", **labels)
    for _ in range(3):
        ok(await tenant.get("/conversations"))
    assert await metric(shared, "cabinet_statement_seconds_count", **labels) == before + 3


async def test_statements_that_fail_are_counted_by_their_code(shared: Service, tenant: Tenant) -> None:
    labels = {"statement": "users/create", "code": "23505"}
    before = await metric(shared, "cabinet_statement_errors_total", **labels)
    taken = {"email": ok(await tenant.get("/me"))["email"]}
    problem(await shared.call("POST", "/users", json=taken), 409)
    assert await metric(shared, "cabinet_statement_errors_total", **labels) == before + 1


async def test_the_pool_and_the_queue_are_shown(idle: Service) -> None:
    assert await metric(idle, "cabinet_pool_connections", state="limit") == idle.services.settings.pool_size
    idle_and_busy = [await metric(idle, "cabinet_pool_connections", state=state) for state in ("idle", "busy")]
    assert 1 <= sum(idle_and_busy) <= idle.services.settings.pool_size
    assert await metric(idle, "cabinet_generic_pool_connections", state="limit") == 1
    assert await metric(idle, "cabinet_generic_pool_connections", state="idle") == 0, "opened when one is needed"
    database = idle.services.database
    assert database.generic is not None
    async with database.generic.connection():
        assert await metric(idle, "cabinet_generic_pool_connections", state="busy") == 1
    tenant = await new_tenant(idle)
    for number in range(2):
        await tenant.upload(f"{number}.txt", "text")
    assert await metric(idle, "cabinet_ingestion_queue", state="queued") == 2


async def test_ingested_documents_are_counted(shared: Service, tenant: Tenant) -> None:
    before = await metric(shared, "cabinet_ingested_documents_total", outcome="ready")
    chunks = await metric(shared, "cabinet_ingested_chunks_total")
    await tenant.ready_document("a.txt", "Some text.")
    assert await metric(shared, "cabinet_ingested_documents_total", outcome="ready") >= before + 1
    assert await metric(shared, "cabinet_ingested_chunks_total") >= chunks + 1
    assert await metric(shared, "cabinet_ingestion_seconds_count", stage="parse") >= 1


async def test_metrics_are_served_without_the_database(idle: Service) -> None:
    await idle.services.database.pool.close()
    answer = await idle.call("GET", "/metrics", key=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "cabinet_requests_total" in answer.text


# --- the log


async def test_no_secret_is_logged(shared: Service, tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    """Neither keys nor users' texts are logged, even at level debug and when a request fails."""
    caplog.set_level(logging.DEBUG)
    words = "the quick brown secret"
    made = ok(await tenant.post("/keys", json={"name": words}), 201)["api_key"]
    again = Tenant(shared, tenant.id, made)
    await again.ready_document(f"{words}.txt", words, words=words)
    ok(await again.post("/search", json={"query": words}))
    conversation = await again.conversation(title=words)
    path = f"/conversations/{conversation['id']}/messages"
    ok(await again.post(path, json={"role": "user", "content": words}), 201)
    problem(await again.post(path, json={"role": "user", "content": words, "sources": [str(uuid4())]}), 422)
    problem(await again.post("/documents", json={"filename": f"{words}\x00", "content": words}), 422)
    problem(await shared.call("POST", "/users", json={"email": f"{words}@"}), 422)
    problem(await shared.call("GET", "/me", "cab_almost_a_key"), 401)
    service_log = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("svc"))
    assert "POST /search 200" in service_log, "the test did not capture the log of requests"
    for secret in (ADMIN_KEY, tenant.key, made, "cab_almost_a_key", words, shared.url):
        assert secret not in service_log


async def test_a_disconnect_of_the_client_is_not_an_error(shared: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A client that disconnects during its upload gets no answer and causes no error in the log."""
    sent: list[Message] = []
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"filename": "a.txt", ', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    tenant = await new_tenant(shared)
    headers = [(b"authorization", f"Bearer {tenant.key}".encode()), (b"content-type", b"application/json")]
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/documents", "raw_path": b"/documents", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    labels = {"method": "POST", "route": "/documents", "status": "499"}
    before = await metric(shared, "cabinet_requests_total", **labels)
    await create_app(shared.services)(scope, receive, send)
    assert sent == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert await metric(shared, "cabinet_requests_total", **labels) == before + 1
    assert ok(await tenant.get("/documents"))["data"] == []
