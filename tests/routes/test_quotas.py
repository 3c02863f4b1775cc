"""The limits of a plan: refusals, their messages, and concurrent requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from svc.access.quotas import next_month
from svc.access.rate_limit import RateLimiter
from svc.accounts.plans import UpdatePlan
from svc.errors import QuotaExceededError, StartupError
from svc.ingest.queue import Queue
from svc.ingest.tokens import count_tokens
from tests.conftest import Service, running_service, test_settings
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant
from tests.routes.workers import CHUNKS, VECTORS, begun

NO_LIMITS = dict.fromkeys(UpdatePlan.__struct_fields__)


async def limited(service: Service, **limits: int | None) -> Tenant:
    """Create a user with the plan `free`, which gets these limits and no others."""
    await limit(service, **limits)
    tenant = await new_tenant(service)
    ok(await service.call("PATCH", f"/users/{tenant.id}", json={"plan": "free"}))
    return tenant


async def limit(service: Service, **limits: int | None) -> None:
    """Give the plan `free` these limits and no others."""
    ok(await service.call("PATCH", "/plans/free", json={**NO_LIMITS, **limits}))


def exceeded(answer: httpx.Response, quota: str, used: int, allowed: int, status: int = 403) -> dict[str, Any]:
    """Check that an answer reports that this limit is reached, and return its problem document."""
    document = problem(answer, status)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert document["violated-policies"] == [document["quota"]] == [quota]
    assert (document["used"], document["allowed"]) == (used, allowed)
    assert f"allows {allowed} " in document["detail"]
    return document


async def state(tenant: Tenant) -> dict[str, tuple[int, int | None]]:
    """Return the used and allowed amounts of each limit."""
    quotas = ok(await tenant.get("/me/quotas"))["quotas"]
    return {quota["quota"]: (quota["used"], quota["allowed"]) for quota in quotas}


def text_of(size: int) -> dict[str, str]:
    """Return an upload of this many bytes."""
    return {"filename": "a.txt", "content": ("text " * size)[:size]}


async def test_exactly_10_of_64_concurrent_uploads_fit_into_a_quota_of_10(quiet: Service) -> None:
    tenant = await limited(quiet, max_documents=10)
    answers = await asyncio.gather(
        *(tenant.post("/documents", json={"filename": f"{n}.txt", "content": f"text {n}"}) for n in range(64))
    )
    taken = [ok(answer, 202)["id"] for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert (len(taken), len(refused)) == (10, 54)
    for answer in refused:
        exceeded(answer, "documents", 10, 10)
    assert {document["id"] for document in ok(await tenant.get("/documents"))["data"]} == set(taken)
    assert (await state(tenant))["documents"] == (10, 10)
    # Each accepted upload is in the queue with its bytes, and nothing of the others is stored.
    async with direct_connection(quiet) as connection:
        for table in ("documents", "document_contents", "ingestion_jobs"):
            count = f"select count(*) from {table} where user_id = $1::uuid"
            assert await connection.fetchval(count, tenant.id) == 10, table
        used = await connection.fetchrow(
            "select sum(uploads) as uploads, sum(bytes) as bytes from usage_days where user_id = $1::uuid", tenant.id
        )
        size = "select sum(file_size) from documents where user_id = $1::uuid"
        assert (used["uploads"], used["bytes"]) == (10, await connection.fetchval(size, tenant.id))


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "{n}"}], ids=["plain", "with keys"])
async def test_the_quota_holds_for_uploads_that_all_passed_the_first_check(
    quiet: Service, headers: dict[str, str]
) -> None:
    """Several uploads check the quota while there is room for one, and update the count after the first has used it."""
    tenant = await limited(quiet, max_documents=10)
    for number in range(9):
        await tenant.upload(f"{number}.txt", "text")
    async with direct_connection(quiet) as connection, direct_connection(quiet) as observer:
        async with connection.transaction():
            await connection.execute("select from tenant_totals where user_id = $1::uuid for update", tenant.id)
            uploads = [
                asyncio.create_task(
                    tenant.post(
                        "/documents",
                        json=text_of(9),
                        headers={name: value.format(n=number) for name, value in headers.items()},
                    )
                )
                for number in range(8)
            ]
            waiting = "select count(*) >= 2 from pg_stat_activity where wait_event_type = 'Lock'"
            await until(lambda: observer.fetchval(f"{waiting} and datname = current_database()"))
        answers = await asyncio.gather(*uploads)
    assert sorted(answer.status_code for answer in answers) == [202] + [403] * 7
    for answer in answers:
        if answer.status_code == 403:
            exceeded(answer, "documents", 10, 10)
    assert (await state(tenant))["documents"] == (10, 10)
    async with direct_connection(quiet) as connection:
        count = "select count(*) from documents where user_id = $1::uuid"
        assert await connection.fetchval(count, tenant.id) == 10


async def test_a_deletion_makes_room_for_an_upload(quiet: Service) -> None:
    tenant = await limited(quiet, max_documents=1)
    first = await tenant.upload("a.txt", "text")
    refused = exceeded(await tenant.post("/documents", json=text_of(9)), "documents", 1, 1)
    assert "resets_at" not in refused
    assert "delete documents, or ask for a larger plan" in refused["detail"]
    done(await tenant.delete(f"/documents/{first['id']}"))
    unlimited = dict.fromkeys(("chunks", "bytes", "conversations", "messages", "tokens"), (0, None))
    assert await state(tenant) == {**unlimited, "documents": (0, 1), "keys": (1, None)}
    await tenant.upload("b.txt", "text")


async def test_bytes_are_counted_and_a_deletion_frees_them(quiet: Service) -> None:
    tenant = await limited(quiet, max_bytes=100)
    first = ok(await tenant.post("/documents", json=text_of(60)), 202)
    exceeded(await tenant.post("/documents", json=text_of(41)), "bytes", 60, 100)
    ok(await tenant.post("/documents", json=text_of(40)), 202)
    assert (await state(tenant))["bytes"] == (100, 100)
    exceeded(await tenant.post("/documents", json=text_of(1)), "bytes", 100, 100)
    done(await tenant.delete(f"/documents/{first['id']}"))
    assert (await state(tenant))["bytes"] == (40, 100)
    exceeded(await tenant.post("/documents", json=text_of(101)), "bytes", 40, 100)


async def test_the_quota_of_bytes_holds_for_concurrent_uploads(quiet: Service) -> None:
    tenant = await limited(quiet, max_bytes=1000)
    answers = await asyncio.gather(*(tenant.post("/documents", json=text_of(300)) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [403] * 17
    assert (await state(tenant))["bytes"] == (900, 1000)


async def test_a_refused_upload_leaves_no_key_and_can_be_repeated(quiet: Service) -> None:
    tenant = await limited(quiet, max_documents=0)
    headers = {"Idempotency-Key": "one"}
    exceeded(await tenant.post("/documents", json=text_of(9), headers=headers), "documents", 0, 0)
    await limit(quiet, max_documents=1)
    answer = await tenant.post("/documents", json=text_of(9), headers=headers)
    ok(answer, 202)
    assert "idempotency-replayed" not in answer.headers
    # A repeated request with the quota used up is the same upload, not another one.
    assert ok(await tenant.post("/documents", json=text_of(9), headers=headers), 202) == answer.json()
    assert (await state(tenant))["documents"] == (1, 1)


async def test_the_quota_holds_for_concurrent_uploads_with_keys(quiet: Service) -> None:
    tenant = await limited(quiet, max_documents=3)
    answers = await asyncio.gather(
        *(tenant.post("/documents", json=text_of(9), headers={"Idempotency-Key": f"key {n}"}) for n in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [403] * 9
    assert (await state(tenant))["documents"] == (3, 3)


async def test_the_limits_of_users_are_independent(quiet: Service) -> None:
    tenant, other = await limited(quiet, max_documents=1), await limited(quiet, max_documents=1)
    await tenant.upload("a.txt", "text")
    assert (await state(other))["documents"] == (0, 1)
    await other.upload("a.txt", "text")
    exceeded(await tenant.post("/documents", json=text_of(9)), "documents", 1, 1)


async def test_a_smaller_plan_deletes_nothing_and_accepts_nothing(quiet: Service) -> None:
    tenant = await limited(quiet)
    documents = [await tenant.upload(f"{n}.txt", "text") for n in range(3)]
    await limit(quiet, max_documents=2, max_bytes=5)
    assert (await state(tenant))["documents"] == (3, 2)
    exceeded(await tenant.post("/documents", json=text_of(9)), "documents", 3, 2)
    for document in documents:
        done(await tenant.delete(f"/documents/{document['id']}"))
    ok(await tenant.post("/documents", json=text_of(5)), 202)


# --- ingestion


async def test_chunks_over_the_quota_are_refused_until_the_plan_is_larger(service: Service) -> None:
    tenant = await limited(service, max_chunks=2)
    await tenant.ready_document("fits.txt", "A sentence.")
    document = await tenant.ended((await tenant.upload("long.txt", "One more sentence. " * 100))["id"])
    assert document["status"] == "error"
    assert "your plan allows 2 chunks, of which 1 are used" in document["error"]
    assert (await state(tenant))["documents"] == (2, None)
    assert (await state(tenant))["chunks"] == (1, 2)
    await limit(service, max_chunks=1000)
    ok(await tenant.post(f"/documents/{document['id']}/retry"), 202)
    ready = await tenant.ended(document["id"])
    assert ready["status"] == "ready"
    assert (await state(tenant))["chunks"] == (1 + ready["chunk_count"], 1000)
    done(await tenant.delete(f"/documents/{document['id']}"))
    assert (await state(tenant))["chunks"] == (1, 1000)


async def test_concurrently_stored_documents_over_the_quota_of_chunks_are_refused(idle: Service) -> None:
    """All documents were parsed while there was room; the statement that stores them enforces the limit."""
    tenant = await limited(idle, max_chunks=2 * len(CHUNKS))
    for number in range(5):
        await tenant.upload(f"{number}.txt", "text")
    jobs = [await begun(idle) for _ in range(5)]
    queue = Queue(idle.services.database, "test", 60)
    outcomes = await asyncio.gather(
        *(queue.store(job, CHUNKS, VECTORS, token_count=7) for job in jobs), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 3
    assert all(isinstance(error, QuotaExceededError) and error.quota == "chunks" for error in refused)
    assert (await state(tenant))["chunks"] == (2 * len(CHUNKS), 2 * len(CHUNKS))
    assert (await state(tenant))["tokens"] == (14, None)


async def test_tokens_are_refused_until_the_month_ends(service: Service) -> None:
    tenant = await limited(service, tokens_per_month=20)
    await tenant.ready_document("fits.txt", "A short sentence of a few words.")
    used = (await state(tenant))["tokens"][0]
    assert 5 < used < 20
    document = await tenant.ended((await tenant.upload("long.txt", "Many other words follow here. " * 20))["id"])
    assert document["status"] == "error"
    assert f"your plan allows 20 tokens a month, of which {used} are used" in document["error"]
    assert f"{next_month(datetime.now(UTC)):%Y-%m-%d}" in document["error"]
    # A text that is already stored costs no tokens, and deleting it frees none.
    again = await tenant.ready_document("again.txt", "A short sentence of a few words.")
    done(await tenant.delete(f"/documents/{again['id']}"))
    assert (await state(tenant))["tokens"] == (used, 20)
    async with direct_connection(service) as connection:
        await connection.execute("update tenant_totals set token_month = token_month - interval '1 month'")
    assert (await state(tenant))["tokens"] == (0, 20)
    await tenant.ready_document("new.txt", "Eleven other words of a new month are embedded here now.")
    assert 5 < (await state(tenant))["tokens"][0] <= 20


async def test_a_search_is_refused_when_its_tokens_are_used_up(service: Service) -> None:
    tenant = await limited(service, tokens_per_month=12)
    query = {"query": "How many words are there in it?"}
    cost = count_tokens(query["query"])
    assert 6 < cost <= 12
    ok(await tenant.post("/search", json=query))
    for path in ("/search", "/conversations/search"):
        refused = exceeded(await tenant.post(path, json=query), "tokens", cost, 12)
        assert refused["resets_at"] == next_month(datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    await service.services.usage.flush()
    service.services.authenticator.forget_all()
    exceeded(await tenant.post("/search", json=query), "tokens", cost, 12)
    assert (await state(tenant))["tokens"] == (cost, 12)
    # A search with a given vector costs no tokens.
    ok(await tenant.post("/search", json={"embedding": [0.5] * 256}))


async def test_messages_over_the_quota_of_tokens_are_embedded_later(service: Service) -> None:
    tenant = await limited(service, tokens_per_month=10)
    conversation = await tenant.conversation()
    path = f"/conversations/{conversation['id']}/messages"
    long = "More words than the plan has tokens for, which therefore have to wait."
    ok(await tenant.post(path, json=[{"role": "user", "content": long}]), 201)
    async with direct_connection(service) as connection:
        await until(lambda: connection.fetchval("select due_at > now() + interval '5 minutes' from message_jobs"))
        assert await connection.fetchval("select count(*) from message_vectors") == 0
        assert (await state(tenant))["tokens"] == (0, 10)
        await limit(service, tokens_per_month=1000)
        await connection.execute("update message_jobs set due_at = now()")
        service.services.note_messages()
        await tenant.embedded(conversation["id"])
    assert (await state(tenant))["tokens"] == (count_tokens(long), 1000)


# --- requests per minute

RATE_HEADERS = {"ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}


async def test_requests_over_the_limit_are_refused_until_the_minute_ends(quiet: Service) -> None:
    tenant = await limited(quiet, requests_per_minute=5)
    answers = await asyncio.gather(*(tenant.get("/me") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7
    seen = sorted(int(answer.headers["ratelimit-remaining"]) for answer in answers if answer.status_code == 200)
    assert seen == [0, 1, 2, 3, 4]
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"requests";q=5;w=60'
        remaining, reset_s = (answer.headers[f"ratelimit-{what}"] for what in ("remaining", "reset"))
        assert answer.headers["ratelimit"] == f'"requests";r={remaining};t={reset_s}'
        assert answer.headers["ratelimit-limit"] == "5"
        assert 1 <= int(reset_s) <= 60
        if answer.status_code == 429:
            refused = exceeded(answer, "requests", 5, 5, status=429)
            assert answer.headers["retry-after"] == reset_s
            assert remaining == "0"
            resets_at = datetime.fromisoformat(refused["resets_at"])
            assert abs((resets_at - datetime.now(UTC)).total_seconds() - int(reset_s)) < 5


async def test_every_answer_to_a_limited_user_reports_the_remaining_requests(quiet: Service) -> None:
    tenant = await limited(quiet, requests_per_minute=100)
    answers = [
        await tenant.get("/documents"),
        await tenant.post("/conversations", json={}),
        await tenant.post("/conversations", json={"title": 5}),
        await tenant.get("/documents/no-id"),
        await tenant.get("/users"),
        await tenant.get("/health/live"),
    ]
    assert [answer.status_code for answer in answers] == [200, 201, 422, 404, 403, 200]
    # Public routes are not limited.
    assert [answer.headers.get("ratelimit-remaining") for answer in answers] == ["99", "98", "97", "96", "95", None]


async def test_an_unlimited_user_gets_no_limit_headers(quiet: Service) -> None:
    limited_user, other = await limited(quiet, requests_per_minute=1), await new_tenant(quiet)
    acting = {"Cabinet-User": limited_user.id}
    answers = [await other.get("/me") for _ in range(3)]
    answers += [await quiet.call("GET", "/me", headers=acting) for _ in range(3)]
    for answer in answers:
        ok(answer)
        assert not RATE_HEADERS & answer.headers.keys()


async def test_a_changed_limit_applies_at_once(quiet: Service) -> None:
    tenant = await limited(quiet, requests_per_minute=1)
    ok(await tenant.get("/me"))
    exceeded(await tenant.get("/me"), "requests", 1, 1, status=429)
    await limit(quiet, requests_per_minute=3)
    ok(await tenant.get("/me"))
    ok(await quiet.call("PATCH", f"/users/{tenant.id}", json={"plan": "enterprise"}))
    assert "ratelimit" not in (await tenant.get("/me")).headers


def test_the_limit_is_reset_every_minute() -> None:
    now_s = 1_000_000.0
    limiter = RateLimiter(lambda: now_s)
    user = uuid4()
    states = [limiter.take(user, 2) for _ in range(3)]
    assert [(state.remaining, state.is_refused) for state in states] == [(1, False), (0, False), (0, True)]
    assert limiter.take(uuid4(), 2).remaining == 1
    now_s += states[-1].reset_s
    assert limiter.take(user, 2).remaining == 1


def test_the_limiter_removes_users_of_earlier_minutes() -> None:
    now_s = 1_000_000.0
    limiter = RateLimiter(lambda: now_s)
    for _ in range(3):
        for _ in range(10_000):
            limiter.take(uuid4(), 2)
        now_s += 120
    assert len(limiter._used) <= 20_000


# --- plans


async def test_a_new_database_has_three_plans(idle: Service) -> None:
    plans = {plan["name"]: plan for plan in ok(await idle.call("GET", "/plans"))["data"]}
    assert plans.keys() == {"free", "pro", "enterprise"}
    assert all(plans["enterprise"][name] is None for name in NO_LIMITS)
    assert all(0 < plans["free"][name] < plans["pro"][name] for name in NO_LIMITS)


async def test_the_admin_changes_a_plan_and_users_read_it(idle: Service) -> None:
    tenant = await new_tenant(idle)
    before = ok(await tenant.get("/plans/pro"))
    changed = ok(await idle.call("PATCH", "/plans/pro", json={"max_documents": 7, "max_bytes": None}))
    assert changed == {**before, "max_documents": 7, "max_bytes": None, "updated_at": changed["updated_at"]}
    assert ok(await tenant.get("/plans/pro")) == changed
    assert ok(await idle.call("PATCH", "/plans/pro", json={}))["max_documents"] == 7
    problem(await tenant.patch("/plans/pro", json={}), 403)
    problem(await idle.call("PATCH", "/plans/pro", json={"max_documents": -1}), 422, "max_documents")
    problem(await idle.call("PATCH", "/plans/pro", json={"requests_per_minute": 0}), 422, "requests_per_minute")
    problem(await idle.call("PATCH", "/plans/gold", json={}), 404)
    problem(await tenant.get("/plans/gold"), 404)


async def test_the_admin_adds_a_plan_whose_limits_apply_to_its_users(idle: Service) -> None:
    tenant = await new_tenant(idle)
    added = ok(await idle.call("POST", "/plans", json={"name": "team", "max_documents": 1, "max_bytes": None}), 201)
    assert added == {**NO_LIMITS, "name": "team", "max_documents": 1, "updated_at": added["updated_at"]}
    assert ok(await tenant.get("/plans/team")) == added
    assert "team" in [plan["name"] for plan in ok(await tenant.get("/plans"))["data"]]

    assert ok(await idle.call("PATCH", f"/users/{tenant.id}", json={"plan": "team"}))["plan"] == "team"
    ok(await tenant.post("/documents", json=text_of(10)), 202)
    exceeded(await tenant.post("/documents", json=text_of(10)), "documents", 1, 1)
    ok(await idle.call("PATCH", "/plans/team", json={"max_documents": 2}))
    ok(await tenant.post("/documents", json=text_of(10)), 202)
    created = ok(await idle.call("POST", "/users", json={"email": "team@example.org", "plan": "team"}), 201)
    assert created["user"]["plan"] == "team"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "Team"}, "name"),
        ({"name": "-team"}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "line\n"}, "name"),
        ({"name": "nul\x00"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": None}, "name"),
        ({"name": "team", "max_documents": -1}, "max_documents"),
        ({"name": "team", "max_bytes": 2**53}, "max_bytes"),
        ({"name": "team", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "team", "max_users": 1}, "max_users"),
    ],
)
async def test_an_invalid_plan_is_refused(shared: Service, body: dict[str, Any], field: str) -> None:
    before = ok(await shared.call("GET", "/plans"))
    problem(await shared.call("POST", "/plans", json=body), 422, field)
    assert ok(await shared.call("GET", "/plans")) == before


async def test_only_the_admin_adds_plans_with_unique_names_up_to_a_maximum(
    idle: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await new_tenant(idle)
    problem(await tenant.post("/plans", json={"name": "team"}), 403)
    before = ok(await idle.call("GET", "/plans/pro"))
    refused = problem(await idle.call("POST", "/plans", json={"name": "pro"}), 409, "name")
    assert refused["detail"] == "the plan pro already exists"
    assert ok(await idle.call("GET", "/plans/pro")) == before
    monkeypatch.setattr("svc.accounts.plans.MAX_PLANS", 4)
    ok(await idle.call("POST", "/plans", json={"name": "a" * 63}), 201)
    full = problem(await idle.call("POST", "/plans", json={"name": "team"}), 409)
    assert full["detail"] == "there are already 4 plans, the maximum"


async def test_an_unknown_plan_of_a_user_is_refused_with_the_list_of_plans(idle: Service) -> None:
    tenant = await new_tenant(idle)
    ok(await idle.call("POST", "/plans", json={"name": "team"}), 201)
    for plan in ("gold", "", "Team"):
        for answer in (
            await idle.call("POST", "/users", json={"email": "nobody@example.org", "plan": plan}),
            await idle.call("PATCH", f"/users/{tenant.id}", json={"plan": plan, "name": "not stored"}),
        ):
            refused = problem(answer, 422, "plan")
            assert refused["detail"] == f"plan must be one of enterprise, free, pro, team, not {plan!r}"
    problem(await idle.call("PATCH", f"/users/{tenant.id}", json={"plan": "nul\x00"}), 422, "plan")
    problem(await idle.call("PATCH", f"/users/{tenant.id}", json={"plan": "a" * 64}), 422, "plan")
    stored = ok(await tenant.get("/me"))
    assert (stored["plan"], stored["name"]) == ("enterprise", None)
    assert "nobody@example.org" not in str(ok(await idle.call("GET", "/users")))


async def test_a_plan_with_users_cannot_be_deleted_by_hand(idle: Service) -> None:
    await new_tenant(idle)
    async with direct_connection(idle) as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="users_plan_fkey"):
            await connection.execute("delete from plans where name = 'enterprise'")


async def test_a_default_plan_that_does_not_exist_stops_the_start(database_url: str) -> None:
    settings = test_settings(default_plan="gold", worker_concurrency=0)
    with pytest.raises(StartupError, match=r"CABINET_DEFAULT_PLAN names the plan 'gold', .* enterprise, free, pro"):
        async with running_service(settings, database_url):
            pass


async def test_a_new_user_gets_the_plan_of_the_settings(database_url: str) -> None:
    settings = test_settings(default_plan="pro", worker_concurrency=0)
    async with running_service(settings, database_url) as service:
        tenant = await new_tenant(service)
        assert ok(await tenant.get("/me/quotas"))["plan"] == "pro"
        other = ok(await service.call("POST", "/users", json={"email": "a@example.org", "plan": "free"}), 201)
        assert other["user"]["plan"] == "free"
