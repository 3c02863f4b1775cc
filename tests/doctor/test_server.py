"""Planted faults of tables, settings of the server and other sessions, each found only by its check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from svc.doctor.checks import Thresholds
from svc.doctor.configuration import session_settings_hold
from svc.doctor.examination import CHECKS, examine, opened_subject
from tests import once
from tests.database.conftest import until
from tests.doctor.conftest import Fired
from tests.doctor.test_schema import MANY_USERS

MANY_DOCUMENTS = (
    "insert into documents (user_id, filename, file_type, file_size, content_hash, status) "
    "select u.id, 'a.txt', 'text', 1, u.id, 'ready' from users as u; "
    "insert into tenant_totals (user_id, chunk_count, document_count, byte_count) select u.id, 0, 1, 1 from users as u"
)


@asynccontextmanager
async def old_snapshot(url: str) -> AsyncIterator[None]:
    """A session with an old snapshot, so that vacuum neither removes nor marks later rows."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("begin isolation level repeatable read; select 1")
        yield
    finally:
        await connection.close()


@pytest.fixture
async def database_name(hand: Any) -> str:
    return str(await hand.fetchval("select current_database()"))


async def test_dead_rows_are_found(fired: Fired, hand: Any, database_url: str) -> None:
    async with old_snapshot(database_url):
        await hand.execute(MANY_USERS)
        await hand.execute("delete from users where name > 'user 3'")
        await hand.execute("select pg_stat_force_next_flush()")
        found = await fired(Thresholds(dead_rows=1000))

    assert found.keys() == {"dead-rows"}
    (finding,) = found["dead-rows"]
    assert "rows of users are dead" in finding.problem
    assert finding.fix == ("vacuum (analyze) users;",)


async def test_a_visibility_map_that_is_behind_is_found_and_fixed(fired: Fired, hand: Any, database_url: str) -> None:
    limits = Thresholds(large_table_pages=50)
    async with old_snapshot(database_url):
        await hand.execute(MANY_USERS)
        await hand.execute(MANY_DOCUMENTS)
        await hand.execute("analyze users, documents, tenant_totals")
        found = await fired(limits)
    assert found.keys() == {"visibility-map"}
    (finding,) = found["visibility-map"]
    assert "pages of documents" in finding.problem

    await hand.execute(finding.fix[0])
    assert await fired(limits) == {}


async def test_a_large_table_without_statistics_is_found_and_fixed(fired: Fired, hand: Any, database_url: str) -> None:
    limits = Thresholds(large_table_pages=50)
    async with old_snapshot(database_url):
        # Autovacuum has no statistics about this table, which is created with its rows.
        await hand.execute("create table notes (text text)")
        await hand.execute("insert into notes select repeat('x', 1000) from generate_series(1, 500)")
        found = await fired(limits)

    assert found.keys() == {"statistics"}
    await hand.execute(found["statistics"][0].fix[0])
    assert await fired(limits) == {}


async def test_autovacuum_turned_off_for_a_table_is_found_and_fixed(fired: Fired, hand: Any) -> None:
    await hand.execute("alter table documents set (autovacuum_enabled = off)")

    found = await fired()
    assert found.keys() == {"table-autovacuum"}

    await hand.execute(found["table-autovacuum"][0].fix[0])
    assert await fired() == {}


async def test_old_transaction_ids_are_found_and_fixed(fired: Fired, hand: Any, database_url: str) -> None:
    locked = await asyncpg.connect(database_url)
    # Otherwise autovacuum would fix it first.
    await locked.execute("begin; lock table users in share update exclusive mode")
    await hand.execute(
        "update pg_class set relfrozenxid = ((txid_current() - 600000000 + 4294967296) % 4294967296)::text::xid "
        "where oid = 'users'::regclass"
    )

    found = await fired()
    assert found.keys() == {"transaction-ids"}
    (finding,) = found["transaction-ids"]
    assert finding.severity == "warning"

    await locked.close()
    await hand.execute(finding.fix[0])
    assert await fired() == {}


@pytest.mark.parametrize(
    ("setting", "value", "check", "severity"),
    [
        ("work_mem", "64kB", "memory-settings", "warning"),
        ("maintenance_work_mem", "1MB", "memory-settings", "warning"),
        ("effective_cache_size", "1MB", "memory-settings", "warning"),
        ("random_page_cost", "4", "planner-settings", "warning"),
        ("jit", "on", "planner-settings", "note"),
        ("track_counts", "off", "autovacuum", "fault"),
        ("idle_in_transaction_session_timeout", "0", "connections", "note"),
    ],
)
async def test_a_setting_that_hurts_is_found(
    fired: Fired, hand: Any, database_name: str, setting: str, value: str, check: str, severity: str
) -> None:
    await hand.execute(f"alter database {database_name} set {setting} = '{value}'")

    found = await fired()

    assert found.keys() == {check}
    (finding,) = found[check]
    assert finding.severity == severity
    assert setting in finding.problem
    assert finding.fix[0].startswith(f"alter system set {setting} = '")
    assert finding.fix[0].endswith("select pg_reload_conf();")


async def test_a_pool_that_leaves_no_room_is_found(fired: Fired) -> None:
    found = await fired(pool_size=500)

    assert found.keys() == {"connections"}
    assert "CABINET_POOL_SIZE" in found["connections"][0].fix[0]


async def test_a_server_that_may_lose_what_was_committed_is_found(settings: Any, database_url: str) -> None:
    async with opened_subject(settings, database_url) as subject:
        (outcome,) = [one async for one in examine(subject, [one for one in CHECKS if one.name == "durability"])]

    # The server of the tests has this setting.
    assert outcome.status == "fault"
    assert outcome.verdict.findings[0].fix == ("alter system set fsync = 'on'; select pg_reload_conf();",)


async def test_a_connection_that_lost_its_settings_is_found(settings: Any, database_url: str) -> None:
    async with opened_subject(settings, database_url) as subject:
        assert (await session_settings_hold(subject)).findings == []
        # The situation behind a pooler that drops startup parameters.
        verdict = await session_settings_hold(replace(subject, searching=subject.database))

    (finding,) = verdict.findings
    assert "hnsw.iterative_scan is not set, not relaxed_order" in finding.problem
    assert "plan_cache_mode is auto, not force_custom_plan" in finding.problem


async def test_an_idle_transaction_is_found_and_ended(fired: Fired, hand: Any, database_url: str) -> None:
    idle = await asyncpg.connect(database_url)
    pid = idle.get_server_pid()
    await idle.execute("begin")
    await idle.fetchval("-- users/get :one\nselect 'a secret'")

    found = await fired(Thresholds(idle_in_transaction_s=0))
    assert found.keys() == {"idle-transaction"}
    (finding,) = found["idle-transaction"]
    assert "after users/get" in finding.problem
    assert "secret" not in str(found)

    await hand.execute(finding.fix[0])
    await until(lambda: hand.fetchval("select not exists (select from pg_stat_activity where pid = $1)", pid))
    assert await fired(Thresholds(idle_in_transaction_s=0)) == {}
    idle.terminate()


async def test_a_statement_that_runs_for_long_is_found_and_cancelled(
    fired: Fired, hand: Any, database_url: str
) -> None:
    busy = await asyncpg.connect(database_url)
    running = asyncio.create_task(busy.execute("-- search/exact :many\nselect pg_sleep(60)"))
    await until(lambda: hand.fetchval("select count(*) from pg_stat_activity where query ~ '^-- search/exact'"))

    found = await fired(Thresholds(long_transaction_s=0))
    assert found.keys() == {"long-transaction"}
    (finding,) = found["long-transaction"]
    assert "runs search/exact" in finding.problem

    await hand.execute(finding.fix[0])
    with pytest.raises(asyncpg.QueryCanceledError):
        await running
    await busy.close()


async def test_a_session_that_waits_for_a_lock_is_found_with_who_holds_it(
    fired: Fired, hand: Any, database_url: str
) -> None:
    holder, waiting = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    await hand.execute("insert into users (email, plan) values ('ada@example.org', 'free')")
    await holder.execute("begin; update users set name = 'Ada'")
    blocked = asyncio.create_task(waiting.execute("-- users/update :one\nupdate users set name = 'Ava'"))
    await until(
        lambda: hand.fetchval("select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0")
    )

    found = await fired(Thresholds(blocked_s=0))
    assert found.keys() == {"blocked-session"}
    (finding,) = found["blocked-session"]
    assert f"for session {holder.get_server_pid()}" in finding.problem
    assert "with users/update" in finding.problem

    await hand.execute(finding.fix[0])
    await blocked
    await waiting.close()
    holder.terminate()


async def test_a_table_that_is_locked_is_not_waited_for(
    fired: Fired, hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An earlier test may have already checked the statements for all services of this process.
    monkeypatch.setattr(once, "_checked", set())
    await hand.execute("begin; lock table api_keys")

    found = await fired()

    # No claim that the statements do not match, since this is unknown.
    assert found["statements"] == found["statistics"] == []
    assert "migrations" not in found


async def test_a_service_that_is_connected_as_superuser_is_found(fired: Fired, hand: Any, database_url: str) -> None:
    service = await asyncpg.connect(database_url, server_settings={"application_name": "cabinet"})

    found = await fired()
    assert found.keys() == {"service-role"}
    assert "a superuser" in found["service-role"][0].problem

    await hand.execute("drop role if exists doctor_owner")
    await hand.execute("create role doctor_owner login")
    try:
        await service.close()
        await hand.execute("alter table users owner to doctor_owner; grant usage on schema public to doctor_owner")
        owner = database_url.replace("postgres:@", "doctor_owner:@").replace("postgres@", "doctor_owner@")
        service = await asyncpg.connect(owner, server_settings={"application_name": "cabinet"})
        found = await fired()
        assert found.keys() == {"service-role"}
        assert "doctor_owner, which owns its tables" in found["service-role"][0].problem
        await service.close()
    finally:
        await hand.execute("reassign owned by doctor_owner to postgres; drop owned by doctor_owner")
        await hand.execute("drop role doctor_owner")
    assert await fired() == {}
