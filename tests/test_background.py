"""Background loops are restarted whatever ends them, except when they are stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest

from svc import background, metrics
from svc.background import Background
from tests.conftest import PATIENCE_S


class OutOfOrderError(BaseException):
    """An error that is not an `Exception`, which a library could raise."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(background, "_MOST_PAUSE_S", 0.002)


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not true within {within_s} s"
        await asyncio.sleep(0.001)


def failures(name: str) -> float:
    return float(metrics.background_failures_total.labels(name)._value.get())


class Turns:
    """A turn that raises each of `errors` once and then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = iter(errors)
        self.good = 0

    async def __call__(self) -> float:
        await asyncio.sleep(0)
        if error := next(self._errors, None):
            raise error
        self.good += 1
        return 0.001


ERRORS = [
    OverflowError("int too large to convert to float"),
    RuntimeError(),
    OutOfOrderError(),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_loop_starts_again_whatever_ended_it(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    kept, turns, before = Background(), Turns(error), failures("test")
    loop = kept.keep(turns, name="test")
    await until(lambda: turns.good > 2)
    assert (loop.deaths, failures("test") - before) == (0, 1)
    assert "the loop test died and will be restarted" in caplog.text
    assert type(error).__name__ in caplog.text
    await loop.stop()


async def test_a_loop_that_somebody_cancelled_starts_again() -> None:
    kept, turns = Background(), Turns()
    loop = kept.keep(turns, name="test")
    await until(lambda: turns.good > 0)
    loop._task.cancel()
    before = turns.good
    await until(lambda: turns.good > before + 2)
    await loop.stop()


async def test_a_loop_survives_two_thousand_failures_in_a_row() -> None:
    kept, turns = Background(), Turns(*(RuntimeError() for _ in range(2_000)))
    loop = kept.keep(turns, name="test")
    await until(lambda: turns.good > 0, within_s=PATIENCE_S)
    await loop.stop()


async def test_a_loop_that_keeps_dying_is_failing_until_a_turn_succeeds() -> None:
    kept, healed = Background(), asyncio.Event()

    async def turn() -> float:
        if not healed.is_set():
            raise RuntimeError
        return 3600

    loop = kept.keep(turn, name="test")
    await until(lambda: bool(kept.failing))
    assert [failing.name for failing in kept.failing] == ["test"]
    assert loop.deaths >= 3
    healed.set()
    await until(lambda: not kept.failing)
    assert kept.loop_count == 1
    await loop.stop()
    assert kept.loop_count == 0


async def test_one_death_is_not_yet_failing() -> None:
    kept, turns = Background(), Turns(RuntimeError())
    loop = kept.keep(turns, name="test")
    await until(lambda: loop.deaths == 1 or turns.good > 0)
    assert kept.failing == []
    await loop.stop()


async def working() -> float:
    await asyncio.sleep(3600)
    return 0


async def resting() -> float:
    return 3600


async def dying() -> float:
    raise RuntimeError


async def swallowing() -> float:
    """A turn that succeeds instead of propagating its cancellation."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(3600)
    return 3600


@pytest.mark.parametrize("turn", [working, resting, dying, swallowing])
async def test_a_stop_is_immediate_and_permanent(monkeypatch: pytest.MonkeyPatch, turn: background.Turn) -> None:
    monkeypatch.setattr(background, "_FIRST_PAUSE_S", 0.1)
    loop = Background().keep(turn, name="to be stopped")
    await asyncio.sleep(0.02)
    started = time.monotonic()
    await loop.stop()
    assert time.monotonic() - started < PATIENCE_S
    await asyncio.sleep(0.3)
    assert "to be stopped" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_finished_loop_ends_its_turn_first() -> None:
    done: list[str] = []

    async def turn() -> float:
        await asyncio.sleep(0.05)
        done.append("turn")
        return 3600

    loop = Background().keep(turn, name="test")
    await asyncio.sleep(0.01)
    await loop.finish()
    assert done == ["turn"]


async def test_a_loop_at_rest_is_finished_at_once() -> None:
    loop = Background().keep(resting, name="test")
    await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE_S):
        await loop.finish()


async def test_a_task_that_fails_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    before = failures("single")

    async def failing() -> None:
        raise RuntimeError

    task = Background().once(failing(), name="single")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert failures("single") - before == 1
    assert "the task single failed" in caplog.text
