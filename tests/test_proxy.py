"""The proxy for the tests of a broken network: each of its faults on real connections."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import PATIENCE_S
from tests.proxy import Proxy, running_proxy

SHORT_S = 0.3


@pytest_asyncio.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as proxy:
        yield proxy


async def connected(proxy: Proxy, application: str = "tests") -> Any:
    return await asyncpg.connect(proxy.url, server_settings={"application_name": application})


async def answers(connection: Any) -> bool:
    task = asyncio.ensure_future(connection.fetchval("select 1"))
    await asyncio.wait([task], timeout=SHORT_S)
    if task.done():
        return bool(task.result() == 1)
    connection.terminate()
    await asyncio.gather(task, return_exceptions=True)
    return False


async def test_it_passes_everything_and_knows_its_links(proxy: Proxy) -> None:
    connection = await connected(proxy)
    try:
        assert await connection.fetchval("select length(repeat('x', 1000000))") == 1_000_000
        assert len(await connection.fetchval("select repeat('x', 1000000)")) == 1_000_000
        [link] = proxy.links
        assert (link.application, link.backend_pid) == ("tests", connection.get_server_pid())
    finally:
        await connection.close()


async def test_a_black_hole_holds_the_data_until_it_is_healed(proxy: Proxy) -> None:
    connection = await connected(proxy)
    proxy.black_hole()
    task = asyncio.ensure_future(connection.fetchval("select 1"))
    new = asyncio.ensure_future(connected(proxy))
    assert not (await asyncio.wait([task, new], timeout=SHORT_S))[0]

    proxy.heal()

    assert await task == 1
    await (await new).close()
    await connection.close()


async def test_a_black_hole_for_some_leaves_the_others_alone(proxy: Proxy) -> None:
    ours, others = await connected(proxy, "ours"), await connected(proxy, "others")
    proxy.black_hole(lambda link: link.application == "ours")

    assert await answers(others)
    assert not await answers(ours)
    await (await connected(proxy)).close()
    await others.close()


async def test_a_lost_connection_stays_dead_and_a_new_one_works(proxy: Proxy) -> None:
    lost = await connected(proxy)
    proxy.lose()
    proxy.heal()

    new = await connected(proxy)

    assert await answers(new)
    assert not await answers(lost)
    await new.close()


async def test_a_reset_ends_both_sides(proxy: Proxy, database_url: str) -> None:
    connection = await connected(proxy)
    pid = connection.get_server_pid()
    proxy.reset()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("select 1")

    watching = await asyncpg.connect(database_url)
    deadline = time.monotonic() + PATIENCE_S
    while await watching.fetchval("select count(*) from pg_stat_activity where pid = $1", pid):
        assert time.monotonic() < deadline
    await watching.close()


async def test_refused_connections_work_again_once_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await connected(proxy)
    proxy.heal()
    await (await connected(proxy)).close()


async def test_a_delay_is_at_least_as_long_as_it_says(proxy: Proxy) -> None:
    connection = await connected(proxy)
    proxy.delay(0.05)
    started = time.monotonic()
    await connection.execute("select 1")
    assert time.monotonic() - started >= 0.1, "once in each direction"
    await connection.close()


@pytest.mark.parametrize("then", ["reset", "silence"])
async def test_a_statement_whose_reply_is_dropped_has_run(proxy: Proxy, database_url: str, then: Any) -> None:
    connection = await connected(proxy)
    proxy.drop_replies("commit;", 1, then)
    await connection.execute("begin")
    await connection.execute("create table kept (id int)")
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError, TimeoutError)):
        await connection.execute("COMMIT;", timeout=SHORT_S)
    connection.terminate()

    watching = await asyncpg.connect(database_url)
    assert await watching.fetchval("select count(*) from kept") == 0
    await watching.close()
    assert proxy.dropped == 1
    new = await connected(proxy)
    assert await answers(new), "only one reply is dropped"
    await new.close()


async def test_the_reply_of_a_prepared_statement_can_be_dropped(proxy: Proxy, database_url: str) -> None:
    connection = await connected(proxy)
    await connection.execute("create table counted (id int)")
    await connection.fetch("insert into counted values ($1) returning id", 1)
    proxy.drop_replies("INSERT INTO counted")
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await connection.fetch("insert into counted values ($1) returning id", 1)
    watching = await asyncpg.connect(database_url)
    assert await watching.fetchval("select count(*) from counted") == 2
    await watching.close()


async def test_it_obeys_commands_as_a_program(database_url: str) -> None:
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.proxy", database_url, stdin=pipe, stdout=pipe
    )
    assert program.stdin is not None
    assert program.stdout is not None

    async def said(command: str) -> str:
        program.stdin.write(f"{command}\n".encode())  # type: ignore[union-attr]
        return (await program.stdout.readline()).decode()  # type: ignore[union-attr]

    port = int((await program.stdout.readline()).split()[-1])
    login = asyncpg.connect(
        f"postgresql://postgres@127.0.0.1:{port}/postgres", server_settings={"application_name": "tests"}
    )
    connection = await login
    assert "1:tests:" in await said("links")
    assert (await said("black_hole tests")).startswith("done")
    task = asyncio.ensure_future(connection.fetchval("select 1"))
    assert not (await asyncio.wait([task], timeout=SHORT_S))[0]
    assert (await said("heal")).startswith("done")
    assert await task == 1
    assert (await said("explode")).startswith("no such command")
    await connection.close()
    program.stdin.write(b"quit\n")
    assert await program.wait() == 0
    program.stdin.close()
