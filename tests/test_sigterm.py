"""SIGTERM to real processes in each state: they end within the grace period with exit code 0, leave no processes and
release leases."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from svc.embedded.server import url_as
from svc.settings import SERVICE_ROLE
from tests.conftest import ADMIN_KEY, PATIENCE_S
from tests.database.conftest import until
from tests.proxy import running_proxy
from tests.server_process import CABINET, clean_environment

# The default grace period and the last steps of a forced end, which must not take longer on a busy machine.
GONE_S = 30.0
LONG = "The comet returns in May. " * 150_000
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class Program:
    """A running `cabinet serve` or `cabinet worker`, its log, and its last known children."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.url = ""

    async def ends_well(self, *, leaves: bool = False) -> None:
        """Send SIGTERM, and check that it and its children end."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GONE_S):
            code = await self.process.wait()
        assert code == 0, self.log.read_text()
        _gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 5)
        assert leaves or not alive, alive
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    def client(self, key: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S)


@asynccontextmanager
async def running(command: str, folder: Path, **variables: str) -> AsyncIterator[Program]:
    """Run a command until it is killed at the end of the block; the block starts when the command reports that it
    runs."""
    environment = clean_environment(
        CABINET_DATA_DIR=str(folder / "data"), CABINET_PORT="0", CABINET_ADMIN_KEY=ADMIN_KEY,
        CABINET_DEFAULT_PLAN="enterprise", CABINET_MAX_BODY_BYTES=str(2**24), CABINET_WORKER_LEASE_S="600",
        PYTHONUNBUFFERED="1", **variables,
    )  # fmt: skip
    log = folder / f"{command}.log"
    with log.open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            *CABINET, command, env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    program = Program(process, log)
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if match := _URL.search(line.decode()):
                program.url = match[0]
            if b"Ctrl-C stops it" in line:
                break
        else:
            raise AssertionError(log.read_text())
        yield program
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def new_user(program: Program) -> str:
    async with program.client(ADMIN_KEY) as admin:
        answer = await admin.post("/users", json={"email": "ada@example.com"})
    return str(answer.json()["api_key"])


async def upload(program: Program, key: str, content: str) -> None:
    async with program.client(key) as client:
        answer = await client.post("/documents", json={"filename": "notes.txt", "content": content})
    assert answer.status_code == 202, answer.text


async def leases(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from ingestion_jobs where worker is not null"))
    finally:
        await connection.close()


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_idle(command: str, database_url: str, tmp_path: Path) -> None:
    url = url_as(database_url, SERVICE_ROLE)
    async with running(command, tmp_path, DATABASE_URL=url, CABINET_OWNER_DATABASE_URL=database_url) as program:
        await program.ends_well()


async def test_under_load(database_url: str, tmp_path: Path) -> None:
    statuses: set[int] = set()

    async def load(client: httpx.AsyncClient) -> None:
        with suppress(httpx.TransportError):
            while True:
                statuses.add((await client.post("/search", json={"query": "comet"})).status_code)

    url = url_as(database_url, SERVICE_ROLE)
    async with running("serve", tmp_path, DATABASE_URL=url) as program:
        key = await new_user(program)
        async with program.client(key) as client:
            loads = [asyncio.create_task(load(client)) for _ in range(8)]
            await asyncio.sleep(1)
            await program.ends_well()
            await asyncio.gather(*loads)
    assert statuses <= {200, 503}


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_while_ingesting(command: str, database_url: str, tmp_path: Path) -> None:
    url = url_as(database_url, SERVICE_ROLE)
    alone = {"CABINET_WORKER_CONCURRENCY": "0"} if command == "worker" else {}
    async with running("serve", tmp_path, DATABASE_URL=url, **alone) as server:
        key = await new_user(server)
        for _ in range(3):
            await upload(server, key, LONG)

        async def has_leases() -> bool:
            return await leases(database_url) > 0

        if command == "serve":
            await until(has_leases)
            await server.ends_well()
        else:
            async with running("worker", tmp_path, DATABASE_URL=url) as worker:
                await until(has_leases)
                await worker.ends_well()
    assert await leases(database_url) == 0


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_in_a_black_hole_with_current_work(command: str, database_url: str, tmp_path: Path) -> None:
    alone = {"CABINET_WORKER_CONCURRENCY": "0"} if command == "worker" else {}
    async with running_proxy(database_url) as proxy:
        near, far = url_as(database_url, SERVICE_ROLE), url_as(proxy.url, SERVICE_ROLE)
        async with (
            running("serve", tmp_path, DATABASE_URL=far if command == "serve" else near, **alone) as server,
        ):
            key = await new_user(server)
            for _ in range(3):
                await upload(server, key, LONG)

            async def has_leases() -> bool:
                return await leases(database_url) > 0

            if command == "serve":
                await until(has_leases)
                proxy.black_hole()
                async with server.client(key) as client:
                    asking = [asyncio.create_task(client.get("/documents")) for _ in range(8)]
                    await asyncio.sleep(1)
                    await server.ends_well()
                    answers = await asyncio.gather(*asking)
                assert {answer.status_code for answer in answers} <= {429, 503}
                assert all(answer.headers["retry-after"] for answer in answers)
            else:
                async with running("worker", tmp_path, DATABASE_URL=far) as worker:
                    await until(has_leases)
                    proxy.black_hole()
                    await asyncio.sleep(1)
                    await worker.ends_well()
        proxy.heal()


async def test_at_the_first_signatures_with_the_embedded_server(tmp_path: Path) -> None:
    """The first document of a process starts the computation of the signatures' directions, which cannot be
    cancelled."""
    tmp_path.chmod(0o755)
    async with running("serve", tmp_path) as program:
        key = await new_user(program)
        await upload(program, key, LONG[:2000])
        postmaster = psutil.Process(int((tmp_path / "data/postgres/postmaster.pid").read_text().split()[0]))
        await asyncio.sleep(0.3)
        await program.ends_well()
        await asyncio.to_thread(psutil.wait_procs, [postmaster], 5)
        assert not postmaster.is_running()


async def test_a_process_that_does_not_stop_is_ended_with_its_embedded_server(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    program = (
        "import time, click, svc.cli.serve as serve\n"
        "async def hang(self): time.sleep(3600)\n"
        "from svc.worker import Worker; Worker.stop = hang\n"
        "from svc.cli.main import main; main(['serve'])\n"
    )
    hanging = tmp_path / "hanging.py"
    hanging.write_text(program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.test_sigterm.CABINET", [sys.executable, str(hanging)])
        async with running("serve", tmp_path, CABINET_STOP_GRACE_S="1") as process:
            postmaster = psutil.Process(int((tmp_path / "data/postgres/postmaster.pid").read_text().split()[0]))
            await process.ends_well()
            await asyncio.to_thread(psutil.wait_procs, [postmaster], 5)
            assert not postmaster.is_running()
    assert "ended now" in process.log.read_text()
