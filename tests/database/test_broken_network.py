"""A network that breaks in each phase of a loan: 503 in time, no lost cancellation, and recovery afterwards."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from svc.database import keepalive, pool
from svc.database.deadline import database_budget
from svc.database.queries import Database, open_database
from svc.embedded.server import url_as
from svc.errors import DatabaseUnavailableError
from svc.settings import Settings
from svc.tenants.export import find_export
from tests.conftest import PATIENCE_S, test_settings
from tests.database.conftest import make_user, until
from tests.proxy import Proxy

ANYBODY = uuid4()


def hurried(**changes: object) -> Settings:
    """Settings with short limits, so that a black hole is detected soon."""
    return test_settings(
        **{
            "pool_size": 3,
            "acquire_timeout_s": 0.4,
            "statement_timeout_s": 0.1,
            "connect_timeout_s": 5,
            "request_database_s": 2,
            **changes,
        }
    )


@pytest_asyncio.fixture
async def distant(proxy: Proxy) -> AsyncIterator[Database]:
    """A database behind the proxy, with all connections of its pool open."""
    settings = hurried()
    # The limits are longer while the statements are prepared.
    opened = await open_database(test_settings(pool_size=3), url_as(proxy.url, settings.service_role))
    opened.statement_s = opened.pool.statement_s = 1.0
    opened.pool._acquire_timeout_s = 0.4
    try:
        await asyncio.gather(*(opened.one("users/get", user_id=ANYBODY) for _ in range(3)))
        yield opened
    finally:
        await opened.close()


async def is_whole(database: Database) -> None:
    """Check that all connections of the pool work again."""

    async def work() -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(database.one("users/get", user_id=ANYBODY) for _ in range(6)))
        except DatabaseUnavailableError:
            return False
        return True

    await until(work)

    async def none_is_lent() -> bool:
        return database.pool.busy_count == 0

    await until(none_is_lent)


async def test_a_statement_in_a_black_hole_ends_within_its_limit(distant: Database, proxy: Proxy) -> None:
    proxy.black_hole()
    with pytest.raises(DatabaseUnavailableError) as refused:
        await distant.one("users/get", user_id=ANYBODY)
    assert refused.value.retry_after_s
    proxy.heal()
    await is_whole(distant)


async def test_nobody_gets_a_connection_through_a_black_hole(distant: Database, proxy: Proxy) -> None:
    proxy.black_hole()
    refused = await asyncio.gather(
        *(distant.one("users/get", user_id=ANYBODY) for _ in range(20)), return_exceptions=True
    )
    assert {type(error) for error in refused} == {DatabaseUnavailableError}
    proxy.heal()
    await is_whole(distant)


@pytest.mark.parametrize("then", ["reset", "silence"])
async def test_a_commit_whose_reply_is_lost_is_unavailable(distant: Database, proxy: Proxy, then: Any) -> None:
    proxy.drop_replies("commit;", 1, then)
    with pytest.raises(DatabaseUnavailableError, match="may or may not have taken effect"):
        async with distant.transaction() as transaction:
            await make_user(transaction)
    assert proxy.dropped == 1
    await is_whole(distant)
    assert len(await distant.many("users/list", after=None, max_rows=2)) == 1


@pytest.mark.parametrize("phase", ["begin", "statement", "commit"])
async def test_a_transaction_in_a_black_hole_is_unavailable(distant: Database, proxy: Proxy, phase: str) -> None:
    if phase == "begin":
        proxy.black_hole()
    with pytest.raises(DatabaseUnavailableError):
        async with distant.transaction() as transaction:
            if phase == "statement":
                proxy.black_hole()
            await make_user(transaction)
            proxy.black_hole()
    proxy.heal()
    await is_whole(distant)


async def test_an_error_in_a_black_hole_stays_what_it_is(distant: Database, proxy: Proxy) -> None:
    """Its rollback is lost, which also ends the transaction."""
    with pytest.raises(LookupError, match="none of ours"):
        async with distant.transaction():
            proxy.black_hole()
            raise LookupError("none of ours")
    proxy.heal()
    await is_whole(distant)


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_a_cancellation_in_a_black_hole_is_not_lost(
    distant: Database, proxy: Proxy, in_transaction: bool
) -> None:
    async def work() -> None:
        if not in_transaction:
            await distant.one("users/get", user_id=ANYBODY)
            return
        async with distant.transaction() as transaction:
            await transaction.one("users/get", user_id=ANYBODY)

    for _ in range(5):
        proxy.black_hole()
        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), repr(outcome)
        proxy.heal()
        await is_whole(distant)


async def test_a_connection_that_cannot_be_returned_is_closed(distant: Database, proxy: Proxy) -> None:
    before = {link.number for link in proxy.links}
    proxy.lose()
    task = asyncio.create_task(distant.one("users/get", user_id=ANYBODY))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    proxy.heal()

    await is_whole(distant)

    used = {link.number for link in proxy.links if not link.is_lost}
    assert not used & before


async def test_idle_connections_that_died_silently_are_noticed_before_they_are_lent(
    distant: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_TRUSTED_S", 0.0)
    monkeypatch.setattr(pool, "_PING_S", 0.2)
    proxy.lose()

    for _ in range(10):
        assert await distant.one("users/get", user_id=ANYBODY) is None


async def test_connections_that_were_reset_are_replaced(distant: Database, proxy: Proxy) -> None:
    async with distant.pool.connection():
        proxy.reset()
    await is_whole(distant)


async def test_an_export_ends_when_the_network_does(distant: Database, proxy: Proxy) -> None:
    user_id = await make_user(distant)
    export = await find_export(distant, user_id)
    pages = export.pages()
    await anext(pages)
    proxy.black_hole()
    with pytest.raises(DatabaseUnavailableError):
        async for _ in pages:
            pass
    proxy.heal()
    await is_whole(distant)


async def test_a_slow_network_does_not_hold_a_request_beyond_its_budget(distant: Database, proxy: Proxy) -> None:
    """Each statement is in time, but their total is not."""
    answered = 0
    proxy.delay(0.05)
    with database_budget(0.5), pytest.raises(DatabaseUnavailableError) as refused:
        for _ in range(50):
            await distant.one("users/get", user_id=ANYBODY)
            answered += 1
    assert 0 < answered < 10
    assert refused.value.retry_after_s
    proxy.heal()
    with database_budget(0.0), database_budget(None):
        await distant.one("users/get", user_id=ANYBODY)
    await is_whole(distant)


async def test_both_ends_of_a_connection_notice_that_the_other_is_gone(distant: Database) -> None:
    async with distant.pool.connection() as connection:
        end = connection._con._transport.get_extra_info("socket")
        options = {name: end.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name, _ in keepalive._OPTIONS}
        check = await connection.fetchval("select current_setting('client_connection_check_interval')")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert options == dict(keepalive._OPTIONS)
    assert check == "2s"


async def test_the_server_ends_a_statement_whose_client_is_gone(distant: Database, database_url: str) -> None:
    """Otherwise its locks would stay for the time limit of the statement."""
    watching = await asyncpg.connect(database_url)
    async with distant.pool.connection() as connection:
        await connection.execute("set statement_timeout = 0")
        sleeping = asyncio.ensure_future(connection.fetchval("select pg_sleep(3600)", timeout=PATIENCE_S))
        pid = connection.get_server_pid()
        await asyncio.sleep(0.1)
        connection.terminate()
        await asyncio.gather(sleeping, return_exceptions=True)

    async def is_gone() -> bool:
        return not await watching.fetchval("select count(*) from pg_stat_activity where pid = $1", pid)

    try:
        await until(is_gone)
    finally:
        await watching.close()
