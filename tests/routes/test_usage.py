"""The usage ledger: counts by user and day, exact to the token, and the list of users by usage."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from svc.access.meter import UsageMeter, running_meter
from svc.database.types import as_dict
from svc.ingest.tokens import count_tokens
from tests.conftest import PATIENCE_S, Service
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

ZERO = dict.fromkeys(("requests", "searches", "uploads", "bytes", "messages", "tokens"), 0)


async def used(tenant: Tenant, **parameters: Any) -> dict[str, Any]:
    """Flush the meter and return the answer of `GET /usage`, without the request itself."""
    meter = tenant.service.services.usage
    await meter.flush()
    # The background also flushes, once a second: it must not add this request before it is answered.
    async with meter._flushing:
        return dict(ok(await tenant.get("/usage", params=parameters)))


async def test_a_run_of_uploads_searches_and_appends_adds_up(service: Service) -> None:
    tenant, other = await new_tenant(service), await new_tenant(service)
    texts = ["The first text is short.", "The second text is another one."]
    for number, text in enumerate(texts):
        await tenant.ready_document(f"{number}.txt", text)
    await tenant.ready_document("again.txt", texts[0])
    chunks = [chunk for d in ok(await tenant.get("/documents"))["data"] for chunk in await tenant.chunks(d["id"])]
    queries = ["Which text is short?", "Which one is another?", "Which text is short?"]
    for query in queries:
        ok(await tenant.post("/search", json={"query": query}))
    ok(await tenant.post("/search", json={"embedding": [0.1] * 256}))
    conversation = await tenant.conversation()
    messages = ["What is short?", "The first text is."]
    await tenant.say(conversation["id"], *({"role": "user", "content": text} for text in messages))
    ok(await tenant.post("/conversations/search", json={"query": queries[0]}))
    await other.conversation()

    total = (await used(tenant))["total"]

    assert len(chunks) == 3
    spent = [*texts, *queries, queries[0], *messages]  # The text of the third document is already stored.
    assert total["tokens"] == sum(map(count_tokens, spent))
    assert (total["searches"], total["uploads"], total["messages"]) == (5, 3, 2)
    assert total["bytes"] == sum(map(len, [*texts, texts[0]]))
    quotas = {quota["quota"]: quota["used"] for quota in ok(await tenant.get("/me/quotas"))["quotas"]}
    counted = {"conversations": 1, "messages": 2, "keys": 1}
    assert quotas == {"documents": 3, "chunks": 3, "bytes": total["bytes"], "tokens": total["tokens"], **counted}
    assert (await used(other))["total"] == {**ZERO, "requests": 1}


async def test_each_request_is_counted_including_refused_ones(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    for status, answer in [
        (200, await tenant.get("/me")),
        (404, await tenant.get("/documents/no-id")),
        (422, await tenant.post("/search", json={})),
        (200, await tenant.post("/search", json={"embedding": [0.1] * 256})),
        (200, await quiet.call("GET", "/me", headers={"Cabinet-User": tenant.id})),
    ]:
        assert answer.status_code == status
    await asyncio.gather(*(tenant.get("/me") for _ in range(30)))
    problem(await quiet.call("GET", "/me", "cab_wrong"), 401)
    assert (await used(tenant))["total"] == {**ZERO, "requests": 35, "searches": 1}
    assert (await used(tenant))["total"] == {**ZERO, "requests": 36, "searches": 1}


async def test_a_repeated_request_is_one_upload_and_one_message(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    conversation = await tenant.conversation()
    for _ in range(3):
        headers = {"Idempotency-Key": "key"}
        body = {"filename": "a.txt", "content": "text"}
        ok(await tenant.post("/documents", json=body, headers=headers), 202)
        message = {"role": "user", "content": "Hello"}
        ok(await tenant.post(f"/conversations/{conversation['id']}/messages", json=message, headers=headers), 201)
    assert (await used(tenant))["total"] == {**ZERO, "requests": 7, "uploads": 1, "bytes": 4, "messages": 1}


async def test_concurrent_writes_are_all_counted(quiet: Service) -> None:
    """One user writes on many connections, some of them with the same slot of the ledger."""
    tenant = await new_tenant(quiet)
    conversations = [await tenant.conversation() for _ in range(8)]
    message = {"role": "user", "content": "Hello"}
    answers = await asyncio.gather(
        *(tenant.post(f"/conversations/{conversations[n % 8]['id']}/messages", json=message) for n in range(64)),
        *(tenant.post("/documents", json={"filename": "a.txt", "content": "text"}) for _ in range(32)),
    )
    assert all(answer.is_success for answer in answers)
    assert (await used(tenant))["total"] == {**ZERO, "requests": 104, "messages": 64, "uploads": 32, "bytes": 128}


async def test_writers_of_different_users_do_not_wait_for_each_other(quiet: Service) -> None:
    """While the transaction that appends a message is open, an append of another user does not wait."""
    tenant, writer = await new_tenant(quiet), await new_tenant(quiet)
    conversation = await writer.conversation()
    async with AsyncExitStack() as stack:
        while True:
            connection = await stack.enter_async_context(direct_connection(quiet))
            # Only connections of the service count; unused connections of this test write nothing.
            slots = (
                "select array_agg(distinct pid % 16) from pg_stat_activity "
                "where datname = current_database() and application_name = 'cabinet'"
            )
            if await connection.fetchval("select pg_backend_pid() % 16") not in await connection.fetchval(slots):
                break
        await stack.enter_async_context(connection.transaction())
        append = quiet.services.database.statements["messages/append"].text
        other = await tenant.conversation()
        await connection.fetch(append, tenant.id, other["id"], ["user"], ["Hello"], [1], [], [], False, [], None)
        message = {"role": "user", "content": "Hello"}
        appending = writer.post(f"/conversations/{conversation['id']}/messages", json=message)
        ok(await asyncio.wait_for(appending, 5), 201)
    assert (await used(writer))["total"]["messages"] == 1


async def test_refused_and_rolled_back_work_is_not_counted(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    conversation = await tenant.conversation()
    path = f"/conversations/{conversation['id']}/messages"
    problem(await tenant.post(path, json={"role": "user", "content": "x", "sources": [str(UUID(int=1))]}), 422)
    problem(await tenant.post("/documents", json={"filename": "a.gif", "content": "GIF89a"}), 415)
    assert (await used(tenant))["total"] == {**ZERO, "requests": 3}


# --- days and months


async def days_used(tenant: Tenant, *days: tuple[date, int]) -> None:
    """Insert usage of this many tokens on each of these days, in two slots."""
    async with direct_connection(tenant.service) as connection:
        for day, tokens in days:
            for slot, share in ((0, tokens - tokens // 3), (15, tokens // 3)):
                await connection.execute(
                    "insert into usage_days (user_id, day, slot, tokens) values ($1::uuid, $2, $3, $4)",
                    tenant.id, day, slot, share,
                )  # fmt: skip


async def test_usage_is_reported_by_day_and_by_month(quiet: Service) -> None:
    tenant, other = await new_tenant(quiet), await new_tenant(quiet)
    await days_used(
        tenant, (date(2025, 12, 31), 10), (date(2026, 1, 1), 20), (date(2026, 1, 31), 30), (date(2026, 2, 1), 40)
    )
    await days_used(other, (date(2026, 1, 1), 7))
    span = {"from": "2026-01-01", "to": "2026-02-01"}
    by_day = await used(tenant, **span)
    assert [(row["period"], row["tokens"]) for row in by_day["data"]] == [
        ("2026-01-01", 20), ("2026-01-31", 30), ("2026-02-01", 40),
    ]  # fmt: skip
    assert (by_day["from"], by_day["to"], by_day["by"]) == (*span.values(), "day")
    assert by_day["total"] == {**ZERO, "tokens": 90}
    by_month = await used(tenant, **span, by="month")
    assert [(row["period"], row["tokens"]) for row in by_month["data"]] == [("2026-01-01", 50), ("2026-02-01", 40)]
    assert (await used(tenant, **{"from": "2016-01-01", "to": "2025-12-31"}, by="month"))["total"]["tokens"] == 10
    one_day = await used(tenant, **{"from": "2026-01-31", "to": "2026-01-31"})
    assert [row["tokens"] for row in one_day["data"]] == [30]


async def test_the_default_is_the_current_month(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    today = datetime.now(UTC).date()
    answer = await used(tenant)
    assert answer["from"] in (str(today.replace(day=1)), str(datetime.now(UTC).date().replace(day=1)))
    assert answer["to"] in (str(today), str(datetime.now(UTC).date()))


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"from": "2026-02-01", "to": "2026-01-31"}, "from"),
        ({"from": "2025-01-01", "to": "2026-01-02"}, "from"),
        ({"from": "1990-01-01", "to": "2026-01-02", "by": "month"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"by": "year"}, "by"),
        ({"first": "2026-01-01"}, "first"),
    ],
)
async def test_an_invalid_span_is_refused(tenant: Tenant, parameters: dict[str, str], field: str) -> None:
    problem(await tenant.get("/usage", params=parameters), 422, field)


async def test_users_are_listed_by_usage_highest_first_on_pages(quiet: Service) -> None:
    day = date(2026, 3, 5)
    tenants = [await new_tenant(quiet) for _ in range(7)]
    sizes = [50, 10, 70, 10, 10, 90, 0]
    for tenant, size in zip(tenants, sizes, strict=True):
        await days_used(tenant, (day, size), (day + timedelta(days=1), 1000 - size))
    expected = [
        tenant.id for _, tenant in sorted(zip(sizes, tenants, strict=True), key=lambda p: (p[0], p[1].id), reverse=True)
    ]
    seen: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"from": str(day), "to": str(day), "limit": 2}
    pages = 0
    while True:
        answer = ok(await quiet.call("GET", "/usage/users", params=parameters))
        seen += answer["data"]
        pages += 1
        if answer["next"] is None:
            break
        parameters["after"] = answer["next"]
    assert pages == 4
    assert [user["user_id"] for user in seen] == expected
    assert [user["tokens"] for user in seen] == sorted(sizes, reverse=True)
    assert seen[0] == {"user_id": expected[0], "email": seen[0]["email"], "plan": "enterprise", **ZERO, "tokens": 90}
    by_requests = {**parameters, "sort": "requests"}
    del by_requests["after"]
    assert {user["requests"] for user in ok(await quiet.call("GET", "/usage/users", params=by_requests))["data"]} == {0}


async def test_only_the_admin_lists_users_by_usage(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    problem(await tenant.get("/usage/users"), 403)
    for wrong in ("5", "x_y", f"5_{'0' * 36}"):
        problem(await quiet.call("GET", "/usage/users", params={"after": wrong}), 422, "after")
    problem(await quiet.call("GET", "/usage/users", params={"sort": "size"}), 422, "sort")


# --- counts in memory


async def test_counts_reach_the_ledger_within_seconds_and_at_shutdown(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    user_id = UUID(tenant.id)
    async with direct_connection(quiet) as connection:
        counted = "select coalesce(sum(searches), 0) from usage_days where user_id = $1"
        async with running_meter(quiet.services.database, quiet.services.background) as meter:
            meter.add(user_id, searches=3)
            async with asyncio.timeout(PATIENCE_S):
                while await connection.fetchval(counted, user_id) != 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            meter.add(user_id, searches=4)
        assert await connection.fetchval(counted, user_id) == 7


async def test_counts_of_a_failed_flush_are_kept_for_the_next(idle: Service) -> None:
    tenant = await new_tenant(idle)
    meter = UsageMeter(idle.services.database)
    meter.add(UUID(tenant.id), searches=1, tokens=5)
    async with direct_connection(idle) as connection:
        await connection.execute("alter table usage_days rename to elsewhere")
        with pytest.raises(Exception, match="does not exist"):
            await meter.flush()
        await connection.execute("alter table elsewhere rename to usage_days")
    meter.add(UUID(tenant.id), searches=1)
    await meter.flush()
    total = (await used(tenant))["total"]
    assert (total["searches"], total["tokens"]) == (2, 5)
    quotas = {quota["quota"]: quota["used"] for quota in ok(await tenant.get("/me/quotas"))["quotas"]}
    assert quotas["tokens"] == 5, "the failed statement left nothing"


async def test_a_deleted_user_does_not_block_a_flush(quiet: Service) -> None:
    tenant, gone = await new_tenant(quiet), await new_tenant(quiet)
    meter = UsageMeter(quiet.services.database)
    for user in (gone, tenant):
        meter.add(UUID(user.id), searches=1, tokens=5)
    ok(await quiet.call("DELETE", f"/users/{gone.id}"))
    await meter.flush()
    assert (await used(tenant))["total"]["searches"] == 1


async def test_concurrent_flushes_and_a_deletion_do_not_deadlock(quiet: Service) -> None:
    tenants = [await new_tenant(quiet) for _ in range(6)]
    meters = [UsageMeter(quiet.services.database) for _ in range(4)]

    async def flush(meter: UsageMeter, order: int) -> None:
        for _ in range(10):
            for tenant in tenants[::order]:
                meter.add(UUID(tenant.id), searches=1, tokens=1)
            await meter.flush()

    await asyncio.gather(
        *(flush(meter, 1 if number % 2 else -1) for number, meter in enumerate(meters)),
        *(tenant.upload("a.txt", "text") for tenant in tenants[1:]),
        quiet.call("DELETE", f"/users/{tenants[0].id}"),
    )
    for tenant in tenants[1:]:
        total = (await used(tenant))["total"]
        assert (total["searches"], total["tokens"], total["uploads"]) == (40, 40, 1)


async def waiting(connection: Any, count: int) -> None:
    """Wait until this number of backends of the database wait for a lock."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    deadline = time.monotonic() + PATIENCE_S
    while await connection.fetchval(query) < count:
        assert time.monotonic() < deadline, f"fewer than {count} backends wait"
        await asyncio.sleep(0.01)


async def test_a_flush_locks_rows_in_the_order_of_an_erasure(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    database, user_id = quiet.services.database, UUID(tenant.id)
    await tenant.upload("a.txt", "text")  # which makes the row of the totals

    async def erase() -> None:
        async with database.transaction() as transaction:
            await transaction.one("users/hold", user_id=user_id, max_rows=10)

    async def flush() -> None:
        async with database.transaction() as transaction:
            today = datetime.now(UTC).date()
            await transaction.exec("usage/flush", users=[user_id], days=[today], requests=[1], searches=[0], tokens=[1])

    async with direct_connection(quiet) as connection, direct_connection(quiet) as observer:
        async with connection.transaction():
            await connection.execute("select from users where id = $1 for key share", user_id)
            erasing = asyncio.create_task(erase())
            await waiting(observer, 1)
            flushing = asyncio.create_task(flush())
            await waiting(observer, 2)
        # If the flush had locked the user, each would now wait for the other.
        await asyncio.gather(erasing, flushing)


# --- recount


async def test_a_recount_corrects_wrong_counts(service: Service) -> None:
    tenant = await new_tenant(service)
    document = await tenant.ready_document("a.txt", "One text. " * 100)
    database = service.services.database
    async with direct_connection(service) as connection:
        await connection.execute("update tenant_totals set document_count = 7, byte_count = 1, chunk_count = 900")
    async with database.transaction() as transaction:
        await transaction.exec("usage/lock_counts", user_id=UUID(tenant.id))
        row = await transaction.one("usage/recount", user_id=UUID(tenant.id))
    chunks = document["chunk_count"]
    assert row is not None
    assert as_dict(row) == {
        "documents": 1, "documents_before": 7, "bytes": 1000, "bytes_before": 1, "chunks": chunks, "chunks_before": 900,
        "conversations": 0, "conversations_before": 0, "messages": 0, "messages_before": 0,
        "api_keys": 1, "api_keys_before": 1,
    }  # fmt: skip
    quotas = {quota["quota"]: quota["used"] for quota in ok(await tenant.get("/me/quotas"))["quotas"]}
    assert (quotas["documents"], quotas["bytes"], quotas["chunks"]) == (1, 1000, chunks)


async def test_a_wrong_count_does_not_prevent_a_deletion(quiet: Service) -> None:
    """Changing rows by hand can leave totals that are too low."""
    tenant = await new_tenant(quiet)
    document = await tenant.upload("a.txt", "text")
    async with direct_connection(quiet) as connection:
        await connection.execute(
            "update tenant_totals set document_count = 0, byte_count = 0 where user_id = $1::uuid", tenant.id
        )
    done(await tenant.delete(f"/documents/{document['id']}"))
    quotas = {quota["quota"]: quota["used"] for quota in ok(await tenant.get("/me/quotas"))["quotas"]}
    assert quotas == {
        "documents": 0,
        "chunks": 0,
        "bytes": 0,
        "tokens": 0,
        "conversations": 0,
        "messages": 0,
        "keys": 1,
    }
