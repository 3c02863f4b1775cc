"""Failures of the pool: no free connection, a killed backend, a cancelled task, a missing database."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

import pytest

from svc import metrics
from svc.database.queries import Database, open_database
from svc.embedded.server import EmbeddedServer
from svc.errors import ConnectionsBusyError, DatabaseUnavailableError, StartupError
from svc.settings import Settings
from tests.conftest import PATIENCE_S, database_url_of, test_settings
from tests.database.conftest import Plant, make_user, until

ANYBODY = uuid4()


async def test_the_wait_for_a_busy_pool_is_limited(database_url: str) -> None:
    database = await open_database(test_settings(pool_size=1, acquire_timeout_s=0.2), database_url)
    try:
        async with database.transaction():
            started = time.monotonic()
            with pytest.raises(ConnectionsBusyError, match="connections are busy") as refused:
                await database.one("users/get", user_id=ANYBODY)
            assert 0.15 < time.monotonic() - started < PATIENCE_S
            assert refused.value.retry_after_s
        assert await database.one("users/get", user_id=ANYBODY) is None, "and it works again once one is free"
    finally:
        await database.close()


async def test_waiting_callers_are_served_as_connections_become_free(database_url: str) -> None:
    database = await open_database(test_settings(pool_size=2), database_url)
    try:
        assert await asyncio.gather(*(database.one("users/get", user_id=ANYBODY) for _ in range(50))) == [None] * 50
        database.pool.observe()
        busy, limit = (metrics.pool_connections.labels(state)._value.get() for state in ("busy", "limit"))
        assert (busy, limit) == (0, 2)
    finally:
        await database.close()


async def test_no_statement_starts_parallel_workers(database: Database) -> None:
    """A search ends before they have started, however cheap they seem to the planner."""
    async with database.pool.connection() as connection, connection.transaction():
        for cost in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            await connection.execute(f"set local {cost} = 0")
        scan = "explain select count(*) from chunk_vectors where embedding is not null"
        assert "Gather" not in str(await connection.fetch(scan))
        await connection.execute("set local max_parallel_workers_per_gather = 2")
        assert "Gather" in str(await connection.fetch(scan)), "otherwise this test proves nothing"


async def terminate(observer: Any, where: str) -> int:
    """Kill the service's backends; returns their number."""
    return len(
        await observer.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            f"where application_name = 'cabinet' and datname = current_database() and {where}"
        )
    )


async def test_a_backend_killed_during_a_statement_causes_a_503_and_the_next_call_works(
    plant: Plant, database: Database, observer: Any
) -> None:
    planted = plant("users/slow :value", "-- returns: slept void\nselect pg_sleep(30) as slept;")
    task = asyncio.create_task(planted.value_by_name("users/slow", {}))
    await until(lambda: terminate(observer, "wait_event = 'PgSleep'"))

    with pytest.raises(DatabaseUnavailableError, match="does not answer") as refused:
        await task

    assert refused.value.retry_after_s
    assert await database.one("users/get", user_id=ANYBODY) is None


async def test_a_transaction_is_rolled_back_when_its_backend_is_killed(database: Database, observer: Any) -> None:
    with pytest.raises(DatabaseUnavailableError):
        async with database.transaction() as transaction:
            await make_user(transaction)
            assert await terminate(observer, "state = 'idle in transaction'") == 1
            await transaction.one("users/get", user_id=ANYBODY)

    assert await database.many("users/list", after=None, max_rows=1) == []


async def test_connections_killed_while_idle_are_replaced(database: Database, observer: Any) -> None:
    await asyncio.gather(*(database.one("users/get", user_id=ANYBODY) for _ in range(5)))
    assert await terminate(observer, "state = 'idle'") >= 1
    # This process is informed of the end of a connection with a short delay.
    await asyncio.sleep(0.1)

    for _ in range(10):
        assert await database.one("users/get", user_id=ANYBODY) is None


async def test_a_cancelled_task_leaves_no_transaction_open(database: Database, observer: Any) -> None:
    """asyncpg's own reset is off, so nothing else would end the transaction of a cancelled task."""
    seed = random.randrange(10**6)
    generator = random.Random(seed)

    async def work(number: int) -> None:
        async with database.transaction() as transaction:
            await make_user(transaction, f"{number}@example.org")
            await transaction.one("users/get", user_id=ANYBODY)

    committed = 0
    for number in range(60):
        task = asyncio.create_task(work(number))
        await asyncio.sleep(generator.random() * 0.004)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        committed += outcome is None
        assert isinstance(outcome, asyncio.CancelledError | None), f"{outcome!r}, seed {seed}"

    async def none_is_open() -> bool:
        query = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"
        return bool(await observer.fetchval(query) == 0)

    # The pool rolls back or ends connections in the background. The server ends open transactions only after a minute.
    await until(none_is_open, within_s=30)
    # A task that is cancelled during its COMMIT may have committed.
    assert len(await database.many("users/list", after=None, max_rows=100)) >= committed
    async with database.transaction() as transaction:
        await make_user(transaction, "after@example.org")
    assert await observer.fetchval("select count(*) from users where email = 'after@example.org'") == 1


async def test_every_connection_has_the_settings_that_a_search_needs(plant: Plant) -> None:
    wanted = {
        "application_name": "cabinet", "plan_cache_mode": "force_custom_plan", "hnsw.iterative_scan": "relaxed_order",
        "jit": "off", "TimeZone": "UTC", "idle_in_transaction_session_timeout": "1min",
    }  # fmt: skip
    planted = plant(
        "users/setting :value", "-- $1 name text\n-- returns: s text\nselect current_setting($1::text) as s;"
    )

    found = {name: await planted.value_by_name("users/setting", {"name": name}) for name in wanted}

    assert found == wanted


async def test_a_session_is_not_reset_between_callers(database: Database) -> None:
    """The settings of a new connection must survive its release, without a statement each time."""
    async with database.pool.connection() as connection:
        await connection.execute("set application_name = 'kept'")
    async with database.pool.connection() as connection:
        assert await connection.fetchval("select current_setting('application_name')") == "kept"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ada:geheim@127.0.0.1:1/x", "at 127.0.0.1 port 1 cannot be used: the connection was refused"),
        ("postgresql://ada:geheim@no-such-host.invalid/x", "at no-such-host.invalid port 5432 cannot be used"),
        ("postgresql://ada:geheim@/x?host=/nowhere", "at the socket in /nowhere cannot be used"),
        ("postgresql://ada:geheim@127.0.0.1:1/x?sslmode=geheim", "the parameter sslmode must be one of"),
    ],
)
async def test_an_unreachable_database_prevents_the_start_without_showing_its_password(url: str, said: str) -> None:
    with pytest.raises(StartupError) as refused:
        await open_database(test_settings(connect_timeout_s=2), url)

    assert said in refused.value.detail
    assert "geheim" not in refused.value.detail


async def test_a_database_that_does_not_exist_prevents_the_start_and_is_named(
    server: EmbeddedServer, settings: Settings
) -> None:
    with pytest.raises(StartupError, match="no_such_database"):
        await open_database(settings, database_url_of(server.url, "no_such_database"))


async def test_a_database_that_became_read_only_is_unavailable(database: Database, observer: Any) -> None:
    """This happens after a failover, when the pool still has connections to a server that is now a standby."""
    name = await observer.fetchval("select current_database()")
    await observer.execute(f"alter database {name} set default_transaction_read_only = on")
    await terminate(observer, "state = 'idle'")
    await asyncio.sleep(0.1)

    with pytest.raises(DatabaseUnavailableError):
        await make_user(database)


async def test_close_waits_for_callers_only_for_a_limited_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svc.database.pool.CLOSE_TIMEOUT_S", 0.2)
    database = await open_database(test_settings(), database_url)
    holding = asyncio.Event()

    async def hold() -> None:
        async with database.pool.connection():
            holding.set()
            await asyncio.sleep(2 * PATIENCE_S)

    task = asyncio.create_task(hold())
    await holding.wait()
    started = time.monotonic()
    await database.close()
    assert time.monotonic() - started < PATIENCE_S
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
