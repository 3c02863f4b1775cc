"""The limits of a plan on conversations, messages and keys: refusals, concurrent requests, and deletions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from svc.accounts.keys import MAX_REVOKED
from svc.database.queries import Database
from svc.jobs.sweep import sweep_conversations
from svc.tenants.erase import erase_user
from tests.conftest import Service
from tests.database.conftest import until
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection
from tests.routes.test_quotas import exceeded, limit, limited, state

WRITERS = 64
SAID = {"role": "user", "content": "How far away is the Moon?"}
COUNTED = {
    "conversations": "select count(*) from conversations where user_id = $1::uuid",
    "messages": "select count(*) from messages where user_id = $1::uuid",
    "keys": "select count(*) from api_keys where user_id = $1::uuid and revoked_at is null",
}


async def stored(service: Service, tenant: Tenant, what: str) -> int:
    """The number of rows, which must equal the totals."""
    async with direct_connection(service) as connection:
        return int(await connection.fetchval(COUNTED[what], tenant.id))


async def write(tenant: Tenant, what: str, conversations: list[str], number: int) -> Any:
    """Add one conversation, message or key."""
    if what == "messages":
        return await tenant.post(f"/conversations/{conversations[number % len(conversations)]}/messages", json=SAID)
    return await tenant.post(f"/{what}", json={})


async def say(tenant: Tenant, conversation: str, count: int) -> None:
    """Append messages, which are not embedded here."""
    ok(await tenant.post(f"/conversations/{conversation}/messages", json=[SAID] * count), 201)


@pytest.mark.parametrize("what", COUNTED)
async def test_64_concurrent_writers_end_exactly_at_the_bound(quiet: Service, what: str) -> None:
    tenant = await limited(quiet)
    conversations = [(await tenant.conversation())["id"] for _ in range(4)] if what == "messages" else []
    bound = 10
    await limit(quiet, **{f"max_{what}": bound})
    there = 1 if what == "keys" else 0
    answers = await asyncio.gather(*(write(tenant, what, conversations, number) for number in range(WRITERS)))
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(answers) - len(refused) == bound - there
    for answer in refused:
        exceeded(answer, what, bound, bound)
    assert (await state(tenant))[what] == (bound, bound)
    assert await stored(quiet, tenant, what) == bound


@pytest.mark.parametrize("what", COUNTED)
async def test_the_bound_holds_for_writers_that_all_passed_the_first_check(quiet: Service, what: str) -> None:
    tenant = await limited(quiet)
    conversations = [(await tenant.conversation())["id"] for _ in range(3)] if what == "messages" else []
    await limit(quiet, **{f"max_{what}": 2})
    free = 1 if what == "keys" else 2
    async with direct_connection(quiet) as connection, direct_connection(quiet) as observer:
        async with connection.transaction():
            await connection.execute("select from tenant_totals where user_id = $1::uuid for update", tenant.id)
            tasks = [asyncio.create_task(write(tenant, what, conversations, number)) for number in range(8)]
            waiting = "select count(*) >= 2 from pg_stat_activity where wait_event_type = 'Lock'"
            await until(lambda: observer.fetchval(f"{waiting} and datname = current_database()"))
        answers = await asyncio.gather(*tasks)
    assert sorted(answer.status_code for answer in answers) == [201] * free + [403] * (8 - free)
    assert await stored(quiet, tenant, what) == 2


async def test_a_list_of_messages_is_appended_whole_or_not_at_all(quiet: Service) -> None:
    tenant = await limited(quiet, max_messages=5)
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    ok(await tenant.post(path, json=[SAID] * 3), 201)
    refused = exceeded(await tenant.post(path, json=[SAID] * 3), "messages", 3, 5)
    assert "this takes 3 more: delete conversations, or ask for a larger plan" in refused["detail"]
    ok(await tenant.post(path, json=[SAID] * 2), 201)
    assert await stored(quiet, tenant, "messages") == 5


async def test_a_refused_message_leaves_no_key_and_a_repeated_one_counts_once(quiet: Service) -> None:
    tenant = await limited(quiet, max_messages=0)
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    headers = {"Idempotency-Key": "one"}
    exceeded(await tenant.post(path, json=SAID, headers=headers), "messages", 0, 0)
    await limit(quiet, max_messages=1)
    ok(await tenant.post(path, json=SAID, headers=headers), 201)
    ok(await tenant.post(path, json=SAID, headers=headers), 201)
    assert (await state(tenant))["messages"] == (1, 1)


async def test_a_wrong_source_is_reported_as_such_below_the_bound(quiet: Service) -> None:
    tenant = await limited(quiet, max_messages=1)
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    wrong = {**SAID, "sources": ["0198c0de-0000-7000-8000-000000000000"]}
    assert "sources must be ids of your chunks" in problem(await tenant.post(path, json=wrong), 422)["detail"]
    ok(await tenant.post(path, json=SAID), 201)
    exceeded(await tenant.post(path, json=wrong), "messages", 1, 1)


async def test_a_deleted_conversation_gives_room_for_its_messages(quiet: Service) -> None:
    tenant = await limited(quiet, max_conversations=2, max_messages=4)
    first, second = [(await tenant.conversation())["id"] for _ in range(2)]
    await say(tenant, first, 3)
    await say(tenant, second, 1)
    refused = exceeded(await tenant.post("/conversations", json={}), "conversations", 2, 2)
    assert "delete conversations, or ask for a larger plan" in refused["detail"]
    done(await tenant.delete(f"/conversations/{first}"))
    assert {name: used for name, (used, _) in (await state(tenant)).items() if used} == {
        "conversations": 1,
        "messages": 1,
        "keys": 1,
    }
    problem(await tenant.delete(f"/conversations/{first}"), 404)
    await tenant.conversation()
    await say(tenant, second, 3)


async def test_an_expired_conversation_gives_room(quiet: Service) -> None:
    tenant = await limited(quiet, max_conversations=1)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    conversation = await tenant.conversation(expires_at=soon)
    await say(tenant, conversation["id"], 2)
    async with direct_connection(quiet) as connection:
        await connection.execute(
            "update conversations set expires_at = now() - interval '1 minute' where user_id = $1::uuid", tenant.id
        )
    assert await sweep_conversations(quiet.services.database) == 1
    assert (await state(tenant))["conversations"] == (0, 1)
    assert (await state(tenant))["messages"] == (0, None)


async def test_a_revoked_key_gives_room_once(quiet: Service) -> None:
    tenant = await limited(quiet, max_keys=2)
    created = ok(await tenant.post("/keys", json={}), 201)["key"]["id"]
    refused = exceeded(await tenant.post("/keys", json={}), "keys", 2, 2)
    assert "revoke keys, or ask for a larger plan" in refused["detail"]
    for _ in range(2):
        done(await tenant.delete(f"/keys/{created}"))
    assert (await state(tenant))["keys"] == (1, 2)
    ok(await tenant.post("/keys", json={}), 201)
    exceeded(await tenant.post("/keys", json={}), "keys", 2, 2)


async def test_creating_and_revoking_keys_does_not_fill_the_table(quiet: Service) -> None:
    tenant = await limited(quiet, max_keys=2)
    revoked = []
    for _ in range(MAX_REVOKED + 3):
        revoked.append(ok(await tenant.post("/keys", json={}), 201)["key"]["id"])
        done(await tenant.delete(f"/keys/{revoked[-1]}"))
    async with direct_connection(quiet) as connection:
        left = await connection.fetch(
            "select id::text from api_keys where user_id = $1::uuid and revoked_at is not null order by id desc",
            tenant.id,
        )
    assert [row["id"] for row in left] == revoked[::-1][:MAX_REVOKED]
    ok(await tenant.get("/me"))


async def test_a_user_who_is_erased_in_parts_has_true_totals_meanwhile(quiet: Service) -> None:
    tenant = await limited(quiet)
    for _ in range(3):
        await say(tenant, (await tenant.conversation())["id"], 2)
    database: Database = quiet.services.database
    part = await database.one("users/erase_conversations", user_id=UUID(tenant.id), max_messages=2, max_rows=1)
    assert part is not None
    assert (part.conversations, part.messages) == (1, 2)
    assert (await state(tenant))["conversations"] == (2, None)
    assert (await state(tenant))["messages"] == (4, None)
    assert await erase_user(database, UUID(tenant.id)) is not None
