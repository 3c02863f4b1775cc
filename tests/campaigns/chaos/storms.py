"""Storms: each repeats one fault for a minute, as often as possible, so that a campaign reaches thousands of faults.

Only one storm happens at a time: the others would leave it no working process or connection.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from tests.campaigns.chaos.faults import GONE_AFTER_S, Fault, end_backends, end_lost, freeze, kill_postmaster, list_of
from tests.campaigns.chaos.programs import Program
from tests.campaigns.chaos.scene import LEASE_S, Scene
from tests.proxy_link import Link

STORMS: list[Fault] = []

_storm = list_of(STORMS)
_ALONE = "storm"
_STORM_S = 60.0
# The shortest and the longest silence of one connection.
_HOLE_S = (1.0, 60.0)


async def _pulses(chance: random.Random, least_s: float, most_s: float) -> AsyncIterator[None]:
    """Steps of a storm, with random pauses between them."""
    end_s = time.monotonic() + _STORM_S
    while time.monotonic() < end_s:
        yield
        await asyncio.sleep(chance.uniform(least_s, most_s))


@_storm("storm: backends ended", _ALONE)
async def _end_backends(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        async for _ in _pulses(chance, 0.1, 0.6):
            await end_backends(scene, chance, share=chance.choice([0.2, 0.5, 1.0]))


@_storm("storm: replies dropped", _ALONE)
async def _drop_replies(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        before = scene.proxy.dropped
        async for _ in _pulses(chance, 0.2, 1.0):
            # The empty text is part of every statement.
            text = chance.choice(["commit", "commit", "", "documents/create", "messages/append", "usage/flush"])
            scene.proxy.drop_replies(text, chance.randint(1, 5), chance.choice(["reset", "reset", "reset", "silence"]))
        scene.proxy.drop_replies("", 0)
        await end_lost(scene)
        scene.counts["replies dropped, each"] += scene.proxy.dropped - before


@_storm("storm: black holes", _ALONE)
async def _make_black_holes(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        async with asyncio.TaskGroup() as group:
            async for _ in _pulses(chance, 0.1, 0.6):
                if links := [link for link in scene.proxy.links if link.passes.is_set()]:
                    group.create_task(_hold(chance.choice(links), chance.uniform(*_HOLE_S)))
                    scene.counts["black holes of one connection, each"] += 1


async def _hold(link: Link, seconds: float) -> None:
    """Hold the data of a connection. The keepalives of both sides, which do not pass through the proxy, close it."""
    link.passes.clear()
    await asyncio.sleep(min(seconds, GONE_AFTER_S))
    if seconds > GONE_AFTER_S:
        link.close(resets=True)
    else:
        link.passes.set()


@_storm("storm: workers killed", _ALONE)
async def _kill_workers(scene: Scene, chance: random.Random) -> None:
    await asyncio.gather(*(_kill_often(scene, worker, chance) for worker in scene.workers))


async def _kill_often(scene: Scene, worker: Program, chance: random.Random) -> None:
    async for _ in _pulses(chance, 0.0, 1.0):
        scene.watcher.orphan(worker)
        worker.kill()
        scene.counts["workers killed, each"] += 1
        await scene.start(worker)


@_storm("storm: workers frozen for more than their leases", _ALONE)
async def _freeze_workers(scene: Scene, chance: random.Random) -> None:
    await asyncio.gather(*(_freeze_often(scene, worker, chance) for worker in scene.workers))


async def _freeze_often(scene: Scene, worker: Program, chance: random.Random) -> None:
    async for _ in _pulses(chance, 0.2, 2.0):
        await freeze(scene, worker, chance.uniform(1.1, 1.5) * LEASE_S)
        scene.counts["workers frozen for more than a lease, each"] += 1


@_storm("storm: postmasters killed", _ALONE)
async def _kill_postmasters(scene: Scene, chance: random.Random) -> None:
    async for _ in _pulses(chance, 0.3, 3.0):
        await kill_postmaster(scene, chance)
        scene.counts["postmasters killed, each"] += 1
