"""The turns of a worker's loop and its waits: endless failures, and cancellation at any time."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from svc.background import Background
from svc.database.notices import Notices
from svc.errors import UnavailableError
from svc.ingest.sandbox import ParserSandbox
from svc.jobs.loop import WorkTurn
from svc.messages.queue import MessageQueue
from svc.messages.worker import MessageWorker
from tests.conftest import PATIENCE_S, test_settings


async def no_work() -> bool:
    raise UnavailableError("the database is away")


async def no_wait() -> None:
    return


async def test_a_database_that_is_away_for_hours_ends_no_loop() -> None:
    """The 1,024th of 2,000 consecutive failures raised OverflowError, outside all handlers."""
    turn = WorkTurn(no_work, no_wait)
    rests = [await turn() for _ in range(2_000)]
    assert 0.5 <= rests[0] <= 1
    assert all(2 <= rest <= 4 for rest in rests[5:])


async def test_the_pause_starts_small_again_after_success() -> None:
    is_away = True

    async def work() -> bool:
        return await no_work() if is_away else True

    turn = WorkTurn(work, no_wait)
    assert max([await turn() for _ in range(10)]) > 1
    is_away = False
    assert await turn() == 0
    is_away = True
    assert await turn() <= 1


@pytest.mark.parametrize("steps", range(6))
async def test_a_wait_does_not_swallow_its_cancellation(steps: int) -> None:
    """`asyncio.wait_for` does so in Python 3.11 if its result arrives at the same time."""
    notices = Notices("postgresql://nowhere", "a_channel")
    waiting = asyncio.create_task(_keep_waiting(notices))
    await asyncio.sleep(0.01)
    notices._wake()
    await _cancelled_after(steps, waiting)


@pytest.mark.parametrize("steps", range(6))
async def test_the_wait_for_messages_does_not_swallow_its_cancellation(steps: int) -> None:
    messages = MessageWorker(test_settings(), cast(MessageQueue, _NothingDue()), None, cast(ParserSandbox, None))  # type: ignore[arg-type]
    waiting = asyncio.create_task(_keep_waiting_for(messages))
    await asyncio.sleep(0.01)
    messages.wake()
    await _cancelled_after(steps, waiting)


class _NothingDue:
    async def next_due_s(self) -> None:
        return None


async def _keep_waiting(notices: Notices) -> None:
    while True:
        await notices.wait(60)


async def _keep_waiting_for(messages: MessageWorker) -> None:
    while True:
        await messages.wait()


async def _cancelled_after(steps: int, task: asyncio.Task[None]) -> None:
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done == {task}
    assert task.cancelled()


async def test_stopping_a_loop_that_waits_for_the_database_takes_no_time() -> None:
    loop = Background().keep(WorkTurn(no_work, no_wait), name="test")
    await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE_S):
        await loop.stop()
