"""The faults. Each begins, lasts for a random time, and ends; several may overlap."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from svc.database.keepalive import COUNT, IDLE_S, INTERVAL_S
from tests.campaigns.chaos.programs import Program
from tests.campaigns.chaos.scene import EMBEDDING_S, LEASE_S, STOP_WITHIN_S, Scene

Run = Callable[[Scene, random.Random], Awaitable[None]]

GONE_AFTER_S = IDLE_S + COUNT * INTERVAL_S
"""Seconds until keepalives close a connection that has become silent."""

_LONGEST_DEADLINE_S = 14.0
_MOODS = ("slow", "429", "500", "503", "disconnect", "garbage", "html", "hang", "wrong_count", "drip", "flood")
_GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True)
class Fault:
    """A fault by its name. Faults with the same `needs` cannot overlap."""

    name: str
    run: Run
    needs: str = ""


FAULTS: list[Fault] = []


def list_of(faults: list[Fault]) -> Callable[..., Callable[[Run], Run]]:
    """A decorator with a name, and with what the fault needs for itself, that adds faults to this list."""

    def named(name: str, needs: str = "") -> Callable[[Run], Run]:
        def add(run: Run) -> Run:
            faults.append(Fault(name, run, needs))
            return run

        return add

    return named


_fault = list_of(FAULTS)


# Processes


def _one(programs: list[Program], chance: random.Random) -> Program | None:
    up = [program for program in programs if program.is_up]
    return chance.choice(up) if up else None


@_fault("worker killed", "worker")
async def _kill_worker(scene: Scene, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 3)):
        program = _one(scene.workers, chance)
        if program is None:
            return
        scene.watcher.orphan(program)
        program.kill()
        scene.counts["workers killed, each"] += 1
        await asyncio.sleep(chance.uniform(0.5, 4))
        await scene.start(program)


@_fault("worker frozen for less than its lease", "worker")
async def _freeze_worker(scene: Scene, chance: random.Random) -> None:
    await freeze(scene, _one(scene.workers, chance), chance.uniform(0.3, 0.6) * LEASE_S)


@_fault("worker frozen for more than its lease", "worker")
async def _freeze_worker_long(scene: Scene, chance: random.Random) -> None:
    await freeze(scene, _one(scene.workers, chance), chance.uniform(1.3, 3) * LEASE_S)


@_fault("server killed", "server")
async def _kill_server(scene: Scene, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 3)):
        program = _one(scene.servers, chance)
        if program is None:
            return
        scene.watcher.orphan(program)
        program.kill()
        scene.counts["servers killed, each"] += 1
        await asyncio.sleep(chance.uniform(0.2, 2))
        await scene.start(program)


@_fault("server frozen for less than its lease", "server")
async def _freeze_server(scene: Scene, chance: random.Random) -> None:
    await freeze(scene, _one(scene.servers, chance), chance.uniform(0.3, 0.6) * LEASE_S)


@_fault("server frozen for more than its lease", "server")
async def _freeze_server_long(scene: Scene, chance: random.Random) -> None:
    await freeze(scene, _one(scene.servers, chance), chance.uniform(1.3, 3) * LEASE_S)


async def freeze(scene: Scene, program: Program | None, seconds: float) -> None:
    """Stop a process for some seconds; others take over its jobs if this is longer than a lease."""
    if program is None:
        return
    if seconds > LEASE_S:
        scene.watcher.orphan(program)
    program.freeze()
    await asyncio.sleep(seconds)
    program.thaw()


@_fault("server stopped with SIGTERM under load", "server")
async def _stop_server(scene: Scene, chance: random.Random) -> None:
    await _stop(scene, _one(scene.servers, chance))


@_fault("worker stopped with SIGTERM under load", "worker")
async def _stop_worker(scene: Scene, chance: random.Random) -> None:
    await _stop(scene, _one(scene.workers, chance))


async def _stop(scene: Scene, program: Program | None) -> None:
    if program is None:
        return
    worker = program.worker
    scene.note("SIGTERM", await program.terminate(STOP_WITHIN_S))
    if scene.is_round_disturbed:
        # The requests of its last second may not have reached the ledger of usage.
        program.lives[-1].is_lost = True
    else:
        with suppress(*_GONE):
            held = await scene.value("select count(*) from ingestion_jobs where worker = $1 and due_at > now()", worker)
            scene.judge.expect(not held, f"{program.name} left {held} leases behind when it was stopped")
    await scene.start(program)


# PostgreSQL


@_fault("postmaster killed", "postgres")
async def kill_postmaster(scene: Scene, chance: random.Random) -> None:
    """Kill the postmaster, and start another one within some seconds."""
    with scene.database_disturbed():
        scene.postgres.signal(signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0, 3))
        await scene.revive_postgres()


@_fault("postmaster frozen", "postgres")
async def _freeze_postmaster(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        # This affects only new connections.
        await end_backends(scene, chance, share=1.0)
        scene.postgres.signal(signal.SIGSTOP)
        await asyncio.sleep(chance.uniform(0.5, 6))
        scene.postgres.signal(signal.SIGCONT)


@_fault("backends ended")
async def _end_some_backends(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        for _ in range(chance.randint(1, 5)):
            await end_backends(scene, chance, share=chance.choice([0.2, 0.5, 1.0]))
            await asyncio.sleep(chance.uniform(0.05, 0.5))


async def end_backends(scene: Scene, chance: random.Random, share: float) -> None:
    """Terminate this share of the service's sessions."""
    with suppress(*_GONE):
        ended = await scene.value(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where application_name like 'cabinet%' and hashfloat8($1 + pid) % 1000 < $2 * 1000",
            chance.random(),
            share,
        )
        scene.counts["backends ended, each"] += int(ended or 0)


@_fault("max_connections used up", "connections")
async def _use_up_connections(scene: Scene, chance: random.Random) -> None:
    connections = []
    with scene.database_disturbed():
        try:
            with suppress(*_GONE):
                while True:
                    # As the service's role, since the last few connections are reserved for superusers.
                    connections.append(
                        await asyncpg.connect(
                            host=str(scene.postgres.folder), user="cabinet_service", database="cabinet", timeout=2
                        )
                    )
            await end_backends(scene, chance, share=0.5)
            await asyncio.sleep(chance.uniform(0.5, 4))
        finally:
            for connection in connections:
                connection.terminate()


@_fault("rows of one tenant locked, and its pool used up", "locks")
async def _lock_rows(scene: Scene, chance: random.Random) -> None:
    victim = chance.choice(scene.clients)
    with scene.database_disturbed(), suppress(*_GONE):
        connection = await scene.postgres.connect()
        try:
            await connection.execute("begin")
            await connection.fetch("select 1 from tenant_totals where user_id = $1 for update", victim.user)
            async with asyncio.TaskGroup() as group:
                for _ in range(12):
                    group.create_task(victim.upload())
                await asyncio.sleep(chance.uniform(0.5, 5))
                connection.terminate()
        finally:
            connection.terminate()


@_fault("disk full", "postgres")
async def _fill_disk(scene: Scene, chance: random.Random) -> None:
    if scene.disk is None:
        scene.counts[f"disk full: skipped, {scene.why_no_disk}"] += 1
        return
    with scene.database_disturbed():
        try:
            await asyncio.to_thread(scene.disk.fill)
            await asyncio.sleep(chance.uniform(1, 4))
        finally:
            scene.disk.free()
        # A failed write may have ended the server.
        await scene.revive_postgres()


# The network


@_fault("connections reset")
async def _reset(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        for _ in range(chance.randint(1, 4)):
            scene.proxy.reset()
            await asyncio.sleep(chance.uniform(0.05, 0.7))


@_fault("connections refused", "network")
async def _refuse(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        scene.proxy.refuse()
        scene.proxy.reset()
        await asyncio.sleep(chance.uniform(0.5, 4))
        scene.proxy.heal()


@_fault("data delayed", "network")
async def _delay(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        scene.proxy.delay(chance.choice([0.01, 0.05, 0.2, 0.5]))
        await asyncio.sleep(chance.uniform(1, 5))
        scene.proxy.heal()


@_fault("black hole, shorter than the deadlines", "network")
async def _black_hole(scene: Scene, chance: random.Random) -> None:
    await _hole(scene, chance.uniform(0.3, 3))


@_fault("black hole, longer than every deadline", "network")
async def _long_black_hole(scene: Scene, chance: random.Random) -> None:
    await _hole(scene, _LONGEST_DEADLINE_S + chance.uniform(0, 4))


async def _hole(scene: Scene, seconds: float) -> None:
    with scene.database_disturbed():
        scene.proxy.black_hole()
        await asyncio.sleep(seconds)
        scene.proxy.heal()


@_fault("silently lost connections")
async def _lose(scene: Scene, chance: random.Random) -> None:
    with scene.database_disturbed():
        scene.proxy.lose()
        await end_lost(scene)


@_fault("replies to COMMIT dropped", "network")
async def _drop_commits(scene: Scene, chance: random.Random) -> None:
    await _drop(scene, chance, "commit", "replies to COMMIT dropped, each")


@_fault("replies to statements dropped", "network")
async def _drop_statements(scene: Scene, chance: random.Random) -> None:
    # Statements outside a transaction commit automatically; they begin with the names of their files.
    text = chance.choice(["documents/create", "messages/append", "usage/flush", "ingest/claim", "documents/delete"])
    await _drop(scene, chance, text, "replies to statements dropped, each")


async def _drop(scene: Scene, chance: random.Random, text: str, counter: str) -> None:
    with scene.database_disturbed():
        before = scene.proxy.dropped
        scene.proxy.drop_replies(text, chance.randint(1, 6), chance.choice(["reset", "silence"]))
        await asyncio.sleep(chance.uniform(1, 4))
        scene.proxy.drop_replies("", 0)
        await end_lost(scene)
        scene.counts[counter] += scene.proxy.dropped - before


async def end_lost(scene: Scene) -> None:
    """End the silently lost connections when PostgreSQL would do so: its keepalives do not reach beyond the
    proxy, and until then such a session holds its locks.
    """
    if any(link.is_lost for link in scene.proxy.links):
        await asyncio.sleep(GONE_AFTER_S)
        for link in scene.proxy.links:
            if link.is_lost:
                link.close(resets=True)


# The embedding endpoint


@_fault("embedding endpoint in a mood", "endpoint")
async def _mood(scene: Scene, chance: random.Random) -> None:
    for mood in chance.sample(_MOODS, 2):
        scene.counts[f"embedding endpoint: {mood}"] += 1
        if mood == "slow":
            scene.endpoint.delay_s = chance.uniform(0.5, 2)
        else:
            scene.endpoint.always(mood, retry_after=1 if mood == "429" else None)
        await asyncio.sleep(chance.uniform(1, 5))
        scene.endpoint.well()
        scene.endpoint.delay_s = EMBEDDING_S


@_fault("embedding endpoint that redirects", "endpoint")
async def _redirect(scene: Scene, chance: random.Random) -> None:
    # A retry would not help, so documents get an error, which their owners see and retry.
    scene.judge.is_endpoint_wrong = True
    scene.endpoint.redirects_to = scene.endpoint.base_url
    scene.endpoint.always("redirect")
    await asyncio.sleep(chance.uniform(1, 3))
    scene.endpoint.well()
    await asyncio.sleep(1)
    scene.judge.is_endpoint_wrong = False


# Commands


@_fault("migrate apply killed", "command")
async def _kill_migration(scene: Scene, chance: random.Random) -> None:
    with suppress(*_GONE):
        await scene.commands.kill_migration(chance.uniform(0.5, 3))


@_fault("index apply killed", "command")
async def _kill_build(scene: Scene, chance: random.Random) -> None:
    await scene.commands.kill_build(chance.uniform(0.5, 3))


@_fault("import killed", "command")
async def _kill_import(scene: Scene, chance: random.Random) -> None:
    await scene.commands.kill_import(chance.uniform(0.5, 3))
