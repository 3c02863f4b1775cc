"""A transaction that the server aborted because of a deadlock is retried a bounded number of times."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
import pytest_asyncio

from svc.database.deadlocks import again_after_deadlock
from svc.database.queries import Database
from svc.errors import DeadlockError
from tests.database.conftest import make_user


class Crossing:
    """Two transactions that lock the same two rows in opposite order."""

    def __init__(self, database: Database, first: UUID, second: UUID) -> None:
        self.runs = 0
        self._database = database
        self._rows = first, second
        self._have_met = asyncio.Barrier(2)

    async def lock(self, *, backwards: bool) -> None:
        self.runs += 1
        meets = self.runs <= 2
        async with self._database.transaction() as transaction:
            for row in reversed(self._rows) if backwards else self._rows:
                await transaction.one("users/get_to_change", user_id=row)
                if meets:
                    meets = False
                    await self._have_met.wait()


@pytest_asyncio.fixture
async def crossing(database: Database) -> Crossing:
    return Crossing(database, await make_user(database), await make_user(database, "grace@example.org"))


async def test_a_transaction_that_ends_a_deadlock_runs_again(crossing: Crossing) -> None:
    await asyncio.gather(
        again_after_deadlock(lambda: crossing.lock(backwards=False)),
        again_after_deadlock(lambda: crossing.lock(backwards=True)),
    )

    assert crossing.runs == 3


async def test_by_itself_it_is_an_error_to_try_again(crossing: Crossing) -> None:
    ended = await asyncio.gather(crossing.lock(backwards=False), crossing.lock(backwards=True), return_exceptions=True)

    assert [type(each) for each in ended if each is not None] == [DeadlockError]


async def test_it_does_not_run_for_ever() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise DeadlockError("again", retry_after_s=1)

    with pytest.raises(DeadlockError):
        await again_after_deadlock(work)
    assert runs == 4
