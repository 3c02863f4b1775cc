"""A part of a campaign that ends is restarted, whatever ended it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.campaigns.chaos import keepers
from tests.campaigns.chaos.keepers import kept


@pytest.mark.parametrize(
    ("ends_with", "reason"),
    [(None, "its end"), (ValueError("x"), "ValueError"), (asyncio.CancelledError(), "a cancellation")],
)
async def test_a_part_goes_on(ends_with: BaseException | None, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "_PAUSE_S", 0)
    counts: Counter[str] = Counter()
    begun = 0
    is_there = asyncio.Event()

    async def part() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            if ends_with is not None:
                raise ends_with
            return
        is_there.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(kept("the watcher", part, counts))
    await asyncio.wait_for(is_there.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counts == {f"the watcher of the campaign began again after {reason}": 2}
