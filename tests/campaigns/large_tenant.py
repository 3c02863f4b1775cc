"""Exports, erases and imports a tenant of 100,000 chunks; measures memory and time, and compares every row.

    python -m tests.campaigns.large_tenant [--documents 2000] [--chunks 50] [--conversations 1000] [--messages 20]

A real server exports over HTTP, once as fast as it goes and once to a client who takes a megabyte and then waits; its
peak memory is looked at while it does, and what connections it has lent while a client reads nothing. `cabinet import`
then runs as a command of its own on a second data folder. A hash of each table, before and after, must be the same.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil

from svc.database.queries import open_database
from svc.embedded.server import start_embedded
from svc.settings import Settings
from tests.server_process import CABINET, ServerProcess, clean_environment
from tests.tenants.made_up import make_large_user
from tests.tenants.stored import hashes, mentions
from tests.tenants.test_moving import LEFT_OUT as OF_ANOTHER_CABINET

_MIB = 2**20
# The requests of the campaign itself are noted while it runs.
LEFT_OUT = {**OF_ANOTHER_CABINET, "usage_days": []}
MOST_SERVER_MB = 150
"""The additional memory that the server may take."""
MOST_IMPORT_MB = 300
"""The memory that the process of an import may take, including its code and libraries."""


class Peak(threading.Thread):
    """The most resident memory of a process, looked at every ten milliseconds, in megabytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self.megabytes = 0.0

    def run(self) -> None:
        """Look until told to end, or until the process is gone."""
        while not self._ended.wait(0.01):
            try:
                self.megabytes = max(self.megabytes, self._process.memory_info().rss / _MIB)
            except psutil.NoSuchProcess:
                return

    def end(self) -> float:
        """The most that was seen."""
        self._ended.set()
        self.join()
        return self.megabytes


def main() -> int:
    """Run the campaign; returns 1 if a table differs, or memory grew with the tenant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--chunks", type=int, default=50, help="of each document")
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=20, help="of each conversation")
    options = parser.parse_args()
    with ServerProcess({"CABINET_WORKER_CONCURRENCY": "0"}) as server, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        return _run(server, Path(folder), options)


def _run(server: ServerProcess, folder: Path, options: argparse.Namespace) -> int:
    first, second, file = server.folder / "data", folder / "second", folder / "tenant.ndjson"
    user_id = asyncio.run(_made(first, options))
    before = asyncio.run(_hashes(first, user_id))
    acting = {"Authorization": f"Bearer {server.admin_key}", "Cabinet-User": str(user_id)}
    with httpx.Client(base_url=server.url, headers=acting, timeout=60) as client:
        idle_mb = server.memory_mb()
        fast_mb, fast_s = _measured(server.process.pid, lambda: _export(client, file, 0.0))
        size_mb = file.stat().st_size / _MIB
        print(f"export: {size_mb:.0f} MB in {fast_s:.1f} s; server {idle_mb:.0f} MB before, {fast_mb:.0f} MB at most")
        slow_mb, slow_s = _measured(server.process.pid, lambda: _export(client, None, 20.0 / size_mb))
        print(f"export to a slow client: {slow_s:.1f} s; server {slow_mb:.0f} MB at most; busy connections: "
              f"{_busy_while_exporting(server, client)}")  # fmt: skip
        started = time.perf_counter()
        erased = client.delete(f"/users/{user_id}").raise_for_status().json()
        print(f"erase: {time.perf_counter() - started:.1f} s; {erased['rows']}")
    left = asyncio.run(_mentions(first, user_id))
    print(f"left of the id: {left or 'nothing'}")
    import_mb, import_s, out = _import(file, second)
    print(f"import: {import_s:.1f} s; its process {import_mb:.0f} MB at most\n{out}")
    after = asyncio.run(_hashes(second, user_id))
    different = [table for table in before if before[table] != after.get(table)]
    print(f"{len(before)} tables, different: {different or 'none'}")
    is_flat = max(fast_mb, slow_mb) - idle_mb < MOST_SERVER_MB and import_mb < MOST_IMPORT_MB
    return 0 if is_flat and not different and not left else 1


async def _made(data_dir: Path, options: argparse.Namespace) -> UUID:
    embedded = await start_embedded(data_dir, "18")
    try:
        database = await open_database(Settings(), embedded.url)
        try:
            return await make_large_user(
                database,
                documents=options.documents,
                chunks_each=options.chunks,
                conversations=options.conversations,
                messages_each=options.messages,
            )
        finally:
            await database.close()
    finally:
        embedded.stop()


async def _looked_at(data_dir: Path, look: Callable[[Any], Any]) -> Any:
    embedded = await start_embedded(data_dir, "18")
    try:
        connection = await asyncpg.connect(embedded.url)
        try:
            return await look(connection)
        finally:
            await connection.close()
    finally:
        embedded.stop()


async def _hashes(data_dir: Path, user_id: UUID) -> dict[str, str]:
    return dict(await _looked_at(data_dir, lambda connection: hashes(connection, user_id, LEFT_OUT)))


async def _mentions(data_dir: Path, user_id: UUID) -> dict[str, int]:
    return dict(await _looked_at(data_dir, lambda connection: mentions(connection, user_id)))


def _measured(pid: int, work: Callable[[], None]) -> tuple[float, float]:
    """Peak memory of a process in megabytes, and seconds, while something is done."""
    peak, started = Peak(pid), time.perf_counter()
    peak.start()
    work()
    return peak.end(), time.perf_counter() - started


def _export(client: httpx.Client, file: Path | None, wait_s: float) -> None:
    """Read an export into a file; wait after each megabyte."""
    with client.stream("GET", "/me/export") as answer:
        answer.raise_for_status()
        with (file or Path("/dev/null")).open("wb") as out:
            for part in answer.iter_bytes(_MIB):
                out.write(part)
                time.sleep(wait_s)


def _busy_while_exporting(server: ServerProcess, client: httpx.Client) -> float:
    """The connections that the server has lent while a client reads nothing for a while."""
    with client.stream("GET", "/me/export") as answer:
        next(answer.iter_raw(1024))
        time.sleep(1)
        with server.client(server.admin_key) as other:
            text = other.get("/metrics").text
        return float(text.partition('cabinet_pool_connections{state="busy"} ')[2].split("\n")[0])


def _import(file: Path, data_dir: Path) -> tuple[float, float, str]:
    started = time.perf_counter()
    process = subprocess.Popen(
        [*CABINET, "import", "--with-usage", str(file)],
        env=clean_environment(CABINET_DATA_DIR=str(data_dir), CABINET_LOG_LEVEL="warning"),
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = Peak(process.pid)
    peak.start()
    out, _ = process.communicate()
    assert process.returncode == 0
    return peak.end(), time.perf_counter() - started, out


if __name__ == "__main__":
    sys.exit(main())
