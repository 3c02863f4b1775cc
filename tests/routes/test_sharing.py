"""A state machine of an owner, a reader and a stranger; `python -m tests.campaigns.sharing` runs it for longer."""

from __future__ import annotations

import asyncio

import pytest_asyncio

from tests.campaigns.sharing import Scene, make_scene, run_machines
from tests.conftest import Service
from tests.lengths import length


@pytest_asyncio.fixture
async def scene(shared: Service) -> Scene:
    """The users, and the loop that all tests share, for a test that is not a coroutine."""
    return await make_scene(shared, asyncio.get_running_loop().run_until_complete)


def test_nothing_is_seen_but_what_is_shared(scene: Scene) -> None:
    counts = run_machines(scene, 1, length(600, 20_000))
    reached = ["documents found", "documents opened", "documents refused"]
    reached += length([], ["citations shown", "citations blank", "changes refused"])
    assert min(counts[name] for name in reached) > 0, counts
