"""A task that holds a connection cannot call an external service: the call is refused immediately."""

from __future__ import annotations

import asyncio

import pytest

from svc.database.guard import external_call
from svc.database.queries import Database
from svc.errors import ConnectionHeldError
from tests.database.conftest import make_user


async def test_an_external_call_in_a_transaction_is_refused_and_rolls_it_back(database: Database) -> None:
    with pytest.raises(ConnectionHeldError, match="embedding 3 texts while 1 database connection"):
        async with database.transaction() as transaction:
            await make_user(transaction)
            external_call("embedding 3 texts")

    assert await database.many("users/list", after=None, max_rows=1) == []


async def test_a_task_or_thread_started_in_a_transaction_is_also_refused(database: Database) -> None:
    async def embed() -> None:
        await asyncio.sleep(0)
        external_call("embedding")

    async with database.transaction():
        with pytest.raises(ConnectionHeldError):
            await asyncio.create_task(embed())
        with pytest.raises(ConnectionHeldError):
            await asyncio.to_thread(external_call, "parsing")
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(embed())


async def test_another_task_can_call_meanwhile(database: Database) -> None:
    async def embed() -> str:
        external_call("embedding")
        return "embedded"

    started, done = asyncio.Event(), asyncio.Event()

    async def other() -> str:
        await started.wait()
        try:
            return await embed()
        finally:
            done.set()

    task = asyncio.create_task(other())
    async with database.transaction():
        started.set()
        await done.wait()
    assert await task == "embedded"


async def test_a_call_is_allowed_after_the_connection_is_released(database: Database) -> None:
    await database.many("users/list", after=None, max_rows=1)
    async with database.transaction() as transaction:
        await transaction.many("users/list", after=None, max_rows=1)

    external_call("embedding")

    with pytest.raises(RuntimeError, match="something else"):
        async with database.transaction():
            raise RuntimeError("something else")
    external_call("embedding")
