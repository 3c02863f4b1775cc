"""Kills workers with SIGKILL at random times during ingestion, and checks the stored data afterwards.

    python -m tests.campaigns.kill [--documents 30] [--kills 40]

Every document must become ready, with each chunk exactly once, one vector a chunk, and a right count of the tenant.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import time

import asyncpg

from svc.embedded.server import start_embedded
from tests.campaigns.load import text_of
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.server_process import CABINET, ServerProcess, clean_environment

LEASE_S = 2.0

CHECK = """
select
    d.id, d.status, d.error, d.attempt, d.chunk_count,
    (select count(*) from chunks as c where c.document_id = d.id) as chunks,
    (select count(distinct c.chunk_index) from chunks as c where c.document_id = d.id) as indexes,
    (select coalesce(max(c.chunk_index), -1) + 1 from chunks as c where c.document_id = d.id) as highest,
    (select count(*) from chunk_vectors as v where v.document_id = d.id) as vectors
from documents as d
"""


class Killer:
    """Runs one worker at a time, and kills it after a moment drawn at random."""

    def __init__(self, variables: dict[str, str], seed: int) -> None:
        self._environment = clean_environment(**variables)
        self._random = random.Random(seed)
        self.kills = 0

    def run_one(self, longest_s: float, log: object) -> None:
        """Start a worker, wait until it works, let it work for a moment, kill it."""
        worker = subprocess.Popen(
            [*CABINET, "worker"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,  # type: ignore[call-overload]
        )
        try:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(self._random.uniform(0.0, longest_s))
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.communicate()
            self.kills += 1


def main() -> int:
    """Run the campaign; 1 when something is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=30)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    return run(options.documents, options.kills, options.chunks, options.seed)


def run(documents: int, kills: int, chunks: int, seed: int) -> int:
    """Upload, kill, let a last worker finish, check."""
    with EmbeddingEndpoint(dimensions=256) as endpoint:
        endpoint.delay_s = 0.15
        variables = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "CABINET_EMBEDDING_DIMENSIONS": "256",
            "CABINET_EMBEDDING_BATCH_SIZE": "64",
            "CABINET_CHUNK_TOKENS": "64",
            "CABINET_CHUNK_OVERLAP_TOKENS": "8",
            "CABINET_WORKER_LEASE_S": str(LEASE_S),
            "CABINET_WORKER_POLL_S": "0.5",
            "CABINET_WORKER_MAX_ATTEMPTS": "100",
        }
        with ServerProcess({**variables, "CABINET_WORKER_CONCURRENCY": "0"}) as server:
            return _run(server, variables, documents, kills, chunks, seed)


def _run(server: ServerProcess, variables: dict[str, str], documents: int, kills: int, chunks: int, seed: int) -> int:
    client = server.client(server.user("kill@example.com"))
    ids = [
        client.post("/documents", json={"filename": f"{n}.txt", "content": text_of(chunks, 64, n)}).json()["id"]
        for n in range(documents)
    ]
    killer = Killer({**variables, "CABINET_DATA_DIR": str(server.folder / "data")}, seed)
    with (server.folder / "workers.log").open("w") as log:
        while killer.kills < kills:
            killer.run_one(longest_s=2.0, log=log)
        last = subprocess.Popen(
            [*CABINET, "worker"], env=killer._environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            ended = [server.ended(client, document_id, 120) for document_id in ids]
        finally:
            last.send_signal(signal.SIGINT)
            last.communicate(timeout=20)
    rows, counted = asyncio.run(_look(server))
    attempts = [int(str(document["attempt"])) for document in ended]
    print(
        f"{killer.kills} workers killed; {min(attempts)} to {max(attempts)} attempts a document, {sum(attempts)} in all"
    )
    wrong = [
        dict(row)
        for row in rows
        if row["status"] != "ready"
        or not row["chunk_count"] == row["chunks"] == row["indexes"] == row["highest"] == row["vectors"]
    ]
    stored = sum(row["chunks"] for row in rows)
    print(f"{len(rows)} documents, {len(wrong)} wrong, {stored} chunks stored, {counted} counted for the tenant")
    for row in wrong:
        print(row)
    return 1 if wrong or stored != counted or len(rows) != documents else 0


async def _look(server: ServerProcess) -> tuple[list[asyncpg.Record], int]:
    embedded = await start_embedded(server.folder / "data", "18")
    connection = await asyncpg.connect(embedded.url)
    try:
        return await connection.fetch(CHECK), await connection.fetchval("select sum(chunk_count) from tenant_totals")
    finally:
        await connection.close()
        embedded.stop()


if __name__ == "__main__":
    sys.exit(main())
