"""One campaign: starts the processes, injects faults round by round, lets them recover, and checks the result."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from svc.database.statements import load_statements
from svc.migrations.roles import create_service_role
from svc.resources import resource_folder
from tests.campaigns.chaos.answers import Judge
from tests.campaigns.chaos.clients import Client
from tests.campaigns.chaos.commands import Commands
from tests.campaigns.chaos.disk import Disk, mounted
from tests.campaigns.chaos.faults import Fault
from tests.campaigns.chaos.invariants import broken
from tests.campaigns.chaos.keepers import kept
from tests.campaigns.chaos.ledger import Ledger
from tests.campaigns.chaos.passers import Passer
from tests.campaigns.chaos.postgres import Postgres
from tests.campaigns.chaos.programs import Program, Span, free_port
from tests.campaigns.chaos.scene import EMBEDDING_S, LEASE_S, STOP_WITHIN_S, Scene
from tests.campaigns.chaos.watcher import Watcher
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.proxy import Proxy, running_proxy
from tests.watchdog import MARK

ADMIN_KEY = "chaos-admin-key-0123456789"
RECOVERY_S = 5.0
# The total seconds that a request may wait for the database; a search may also wait for the embedding endpoint.
_DATABASE_S = 8.0
_EMBEDDING_TIMEOUT_S = 3.0
_EMBEDDING_RETRIES = 1
_CALM_S = 3.0
# The requests of a second are in the ledger of usage after this time.
_FLUSHED_S = 2.5
_FAULT_S = 300.0
_DIMENSIONS = 256


@dataclass(frozen=True)
class Options:
    """The options of a campaign."""

    minutes: float
    seed: int
    version: int
    tenants: int
    pause_s: float
    settle_s: float
    faults: Sequence[Fault]


@dataclass
class Result:
    """The result of a campaign."""

    scene: Scene
    ledger: Ledger
    violations: list[str]
    rounds: int


def _variables(folder: Path, endpoint: EmbeddingEndpoint, proxy: Proxy) -> dict[str, str]:
    return {
        "DATABASE_URL": proxy.url,
        "CABINET_OWNER_DATABASE_URL": proxy.url.replace("cabinet_service@", "postgres@"),
        "CABINET_DATA_DIR": str(folder / "cabinet"),
        "CABINET_ADMIN_KEY": ADMIN_KEY,
        "CABINET_DEFAULT_PLAN": "enterprise",
        "OPENAI_BASE_URL": endpoint.base_url,
        "CABINET_EMBEDDING_DIMENSIONS": str(_DIMENSIONS),
        "CABINET_EMBEDDING_BATCH_SIZE": "16",
        "CABINET_EMBEDDING_TIMEOUT_S": str(_EMBEDDING_TIMEOUT_S),
        "CABINET_EMBEDDING_MAX_RETRIES": str(_EMBEDDING_RETRIES),
        "CABINET_CHUNK_TOKENS": "64",
        "CABINET_CHUNK_OVERLAP_TOKENS": "8",
        "CABINET_REQUEST_DATABASE_S": str(_DATABASE_S),
        "CABINET_POOL_SIZE": "5",
        "CABINET_ACQUIRE_TIMEOUT_S": "2",
        "CABINET_STATEMENT_TIMEOUT_S": "3",
        "CABINET_CONNECT_TIMEOUT_S": "3",
        "CABINET_WORKER_LEASE_S": str(LEASE_S),
        "CABINET_WORKER_POLL_S": "0.5",
        "CABINET_WORKER_RETRY_S": "0.5",
        "CABINET_WORKER_MAX_ATTEMPTS": "10",
    }


async def run(options: Options, folder: Path) -> Result:
    """Run a campaign below `folder`; all of its processes end with it."""
    ledger = Ledger()
    async with _scene(options, folder, ledger) as scene:
        async with _traffic(scene, ledger, options) as probe:
            rounds = await _rounds(scene, options, probe)
        await _settle(scene, options.settle_s)
        await _stop(scene)
        violations = [*scene.judge.violations, *scene.commands.violations, *scene.watcher.violations]
        violations += [fault for program in scene.programs for fault in program.faults]
        violations += await _invariants(scene, ledger)
    violations += _left_processes()
    return Result(scene, ledger, violations, rounds)


@asynccontextmanager
async def _scene(options: Options, folder: Path, ledger: Ledger) -> AsyncIterator[Scene]:
    place = folder / "postgres"
    place.mkdir(mode=0o755)
    disk = mounted(place)
    async with AsyncExitStack() as stack:
        postgres = Postgres(place, folder / "postgres.log", options.version, max_connections=60)
        stack.callback(postgres.stop)
        await postgres.make()
        await postgres.start()
        await _create_database(postgres)
        endpoint = stack.enter_context(EmbeddingEndpoint(_DIMENSIONS, delay_s=EMBEDDING_S))
        proxy = await stack.enter_async_context(running_proxy(postgres.url.replace("postgres@", "cabinet_service@")))
        variables = _variables(folder, endpoint, proxy)
        servers, workers = _programs(folder, variables)
        judge = Judge(ledger, _DATABASE_S, (_EMBEDDING_TIMEOUT_S + 1) * (_EMBEDDING_RETRIES + 1))
        stack.push_async_callback(judge.close)
        watcher = Watcher(postgres, [*servers, *workers], LEASE_S)
        commands = Commands(postgres, proxy.url, variables, folder)
        await commands.migrate()
        for program in (*servers, *workers):
            stack.callback(program.kill)
        assert all(await asyncio.gather(*(program.start() for program in (*servers, *workers)))), [
            program.log_end() for program in (*servers, *workers)
        ]
        has_disk = isinstance(disk, Disk)
        yield Scene(
            postgres, proxy, endpoint, servers, workers, judge, watcher, commands,
            disk if isinstance(disk, Disk) else None, "" if has_disk else str(disk),
        )  # fmt: skip


def _programs(folder: Path, variables: dict[str, str]) -> tuple[list[Program], list[Program]]:
    servers = []
    for number in (1, 2):
        port = str(free_port())
        own = {**variables, "CABINET_PORT": port, "CABINET_WORKER_CONCURRENCY": "1"}
        servers.append(Program(f"server {number}", "serve", "Ctrl-C stops it", folder, own, port))
    own = {**variables, "CABINET_WORKER_CONCURRENCY": "2"}
    workers = [Program(f"worker {number}", "worker", "Ctrl-C stops it", folder, own) for number in (1, 2)]
    return servers, workers


async def _create_database(postgres: Postgres) -> None:
    connection = await postgres.connect("postgres")
    try:
        await create_service_role(connection, load_statements(resource_folder("sql")), "cabinet_service")
        await connection.execute("create database cabinet")
    finally:
        connection.terminate()


@asynccontextmanager
async def _traffic(scene: Scene, ledger: Ledger, options: Options) -> AsyncIterator[str]:
    """Run clients during the block, whose value is the key of a user for the probes."""

    def pick(chance: random.Random) -> tuple[Program, str] | None:
        up = [server for server in scene.servers if server.is_up]
        if not up:
            return None
        server = chance.choice(up)
        return server, server.url

    _, probe = await _user(scene, "probe")
    moved, moved_key = await _user(scene, "moved")
    mover = Client(scene.judge, ledger, pick, ADMIN_KEY, moved, moved_key, "moved", f"{options.seed}-moved")
    for _ in range(3):
        await mover.upload()
        await mover.append()
    await _until_idle(scene, 60)
    await scene.commands.export(moved)
    await scene.judge.call((scene.servers[0], scene.servers[0].url), "DELETE", f"/users/{moved}", ADMIN_KEY)
    ledger.forget(moved)
    for number in range(1, options.tenants + 1):
        user, key = await _user(scene, f"tenant{number}")
        ledger.users.add(user)
        scene.clients.append(
            Client(scene.judge, ledger, pick, ADMIN_KEY, user, key, f"tenant{number}", f"{options.seed}-{number}")
        )
    for client in scene.clients:
        client.others = [other for other in scene.clients if other is not client]
    passer = Passer(scene.judge, ledger, pick, ADMIN_KEY, f"guest-{options.seed}")
    parts = {"the watch of stalls": scene.judge.watch_stalls, "the watcher of the queue": scene.watcher.run}
    keepers = [asyncio.create_task(kept(name, run, scene.counts)) for name, run in parts.items()]
    at_work = [
        *(asyncio.create_task(client.run(options.pause_s)) for client in scene.clients),
        asyncio.create_task(passer.run(options.pause_s * 4)),
    ]
    try:
        yield probe
        for client in scene.clients:
            client.is_over = True
        passer.is_over = True
        await asyncio.gather(*at_work)
        scene.judge.violations += scene.watcher.overdue()
    finally:
        for task in (*at_work, *keepers):
            task.cancel()
        await asyncio.gather(*at_work, *keepers, return_exceptions=True)


async def _user(scene: Scene, name: str) -> tuple[str, str]:
    server = scene.servers[0]
    body = {"email": f"{name}@example.com"}
    answer = await scene.judge.call((server, server.url), "POST", "/users", ADMIN_KEY, json=body)
    assert answer.outcome == "acknowledged", answer
    return answer.body["user"]["id"], answer.body["api_key"]


async def _rounds(scene: Scene, options: Options, probe: str) -> int:
    """Repeat faults, a recovery and a calm."""
    end_s = time.monotonic() + options.minutes * 60
    order: list[Fault] = []
    number = 0
    await asyncio.sleep(_CALM_S)
    while not number or time.monotonic() < end_s:
        number += 1
        chance = random.Random(f"{options.seed}-{number}")
        chosen = _draw(options.faults, order, chance)
        print(f"round {number}: {' + '.join(fault.name for fault in chosen)}", flush=True)
        trouble = Span("trouble", time.monotonic())
        scene.is_round_disturbed = False
        scene.judge.troubles.append(trouble)
        await asyncio.gather(
            *(_happen(scene, fault, chance.uniform(0, 2), f"{options.seed}-{number}-{fault.name}") for fault in chosen)
        )
        await scene.heal()
        whole_s = time.monotonic()
        await asyncio.gather(*(_recover(scene, server, whole_s, probe) for server in scene.servers))
        await asyncio.sleep(max(0.0, whole_s + RECOVERY_S - time.monotonic()))
        trouble.end_s = time.monotonic()
        scene.counts["commands killed and run again"] += await scene.commands.finish()
        await asyncio.sleep(_CALM_S)
        for program in scene.programs:
            program.note_death()
            if program.is_up:
                program.lives[-1].counted_until_s = time.monotonic() - _FLUSHED_S
            else:
                await scene.start(program)
    return number


def _draw(faults: Sequence[Fault], order: list[Fault], chance: random.Random) -> list[Fault]:
    """One to three faults that can happen together; every fault occurs once before any is repeated."""
    chosen: list[Fault] = []
    for _ in range(chance.choice([1, 2, 2, 3])):
        if not order:
            order += chance.sample(faults, len(faults))
        taken = {fault.needs for fault in chosen if fault.needs}
        suitable = [fault for fault in order if fault.needs not in taken and fault not in chosen]
        if suitable:
            chosen.append(suitable[0])
            order.remove(suitable[0])
    return chosen


async def _happen(scene: Scene, fault: Fault, after_s: float, seed: str) -> None:
    await asyncio.sleep(after_s)
    try:
        async with asyncio.timeout(_FAULT_S):
            await fault.run(scene, random.Random(seed))
    except TimeoutError:
        scene.judge.violations.append(f"{fault.name} did not end within {_FAULT_S:.0f} s")
    scene.counts[fault.name] += 1


async def _recover(scene: Scene, server: Program, whole_s: float, key: str) -> None:
    """Ask a server until it answers twice in a row, and record the time of the first of these answers."""
    first_s: float | None = None
    async with httpx.AsyncClient(timeout=3, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as client:
        while time.monotonic() < whole_s + 60:
            with suppress(httpx.HTTPError):
                answer = await client.get(f"{server.url}/documents?limit=1")
                if answer.status_code != 200:
                    first_s = None
                elif first_s is None:
                    first_s = time.monotonic()
                else:
                    break
            await asyncio.sleep(0.1)
    begin_s = max(whole_s, server.ready_at_s)
    took_s = max(0.0, (first_s or time.monotonic()) - begin_s)
    scene.note("whole again", took_s)
    scene.judge.expect(took_s <= RECOVERY_S, f"{server.name} was whole {took_s:.1f} s after PostgreSQL")


async def _until_idle(scene: Scene, within_s: float) -> None:
    """Wait until no document and no message waits for a worker."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not await scene.value(
            "select (select count(*) from ingestion_jobs) + (select count(*) from message_jobs) "
            "+ (select count(*) from documents where status = 'processing') "
            "+ (select count(*) from document_contents where removed_at < 'infinity') "
            "+ (select count(*) from documents where expires_at <= now())"
        ):
            return
        await asyncio.sleep(0.2)


async def _retry(scene: Scene) -> None:
    """Let the owners retry the documents that failed because the endpoint redirected; no other may have failed."""
    connection = await scene.postgres.connect()
    failed = await connection.fetch(
        "select user_id, coalesce(file_id, id) as id, string_agg(error, '; ') as error from documents "
        "where status = 'error' group by 1, 2"
    )
    await connection.close()
    for row in failed:
        scene.judge.expect("redirect" in row["error"], f"the document {row['id']} failed: {row['error']}")
    for client in scene.clients:
        if own := [str(row["id"]) for row in failed if str(row["user_id"]) == client.user]:
            scene.counts["documents refused by the endpoint and retried"] += len(own)
            await client.retry(own)
    # Users whose erasure was refused during the faults.
    for user in {str(row["user_id"]) for row in failed} - {client.user for client in scene.clients}:
        own = [str(row["id"]) for row in failed if str(row["user_id"]) == user]
        scene.counts["documents refused by the endpoint and retried"] += len(own)
        server = scene.servers[0]
        headers = {"Cabinet-User": user}
        body = {"document_ids": own}
        await scene.judge.call(
            (server, server.url), "POST", "/documents/retry", ADMIN_KEY, user=user, headers=headers, json=body
        )


async def _settle(scene: Scene, within_s: float) -> None:
    started_s = time.monotonic()
    await _retry(scene)
    await _until_idle(scene, within_s)
    scene.note("settled", time.monotonic() - started_s)
    await asyncio.sleep(_FLUSHED_S)


async def _stop(scene: Scene) -> None:
    """Stop all programs, and wait for their sessions to end."""
    for program in scene.programs:
        program.note_death()
    for seconds in await asyncio.gather(*(program.terminate(STOP_WITHIN_S) for program in scene.programs)):
        scene.note("SIGTERM", seconds)
    # Silently lost connections are still open on PostgreSQL's side.
    scene.proxy.reset()
    await asyncio.sleep(1)


async def _invariants(scene: Scene, ledger: Ledger) -> list[str]:
    connection = await scene.postgres.connect()
    try:
        return await broken(connection, ledger)
    finally:
        await connection.close()


def _left_processes() -> list[str]:
    """The processes of this campaign that still run, other than this one and its watchdog."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == os.environ[MARK] and "watchdog" not in " ".join(process.cmdline()):
                left.append(f"left behind: process {process.pid}, {' '.join(process.cmdline())[:100]}")
    return left
