"""Compares the speed of ingestion with that of another version of Cabinet, in a checkout with its own environment.

\b
    git worktree add ../older COMMIT && make -C ../older install
    python -m bench.versions ../older

Each version serves with its worker and the local model on its own server of the same PostgreSQL. In turn, they ingest
the same new files: texts, then Markdown with headings, lists, a table and code. The processor time is that of the
service, its parsers and its PostgreSQL, without the uploading client, and depends less on other load than the rate.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import click
import httpx
import psutil

from bench.ingest_documents import made_up_text
from bench.machine import describe_machine
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report
from bench.servers import MEMORY_MB, benchmark_server
from bench.service import ADMIN_KEY, running_service
from svc.calibration.timing import interleaved
from svc.cli.environment import run

SQL = Path(__file__).parent / "sql"
OURS, OTHER = "this version", "the other"
KINDS = ("txt", "md")
_LOOK_S = 0.02
_READY_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Ingestion:
    """One round of a version: the time until the last file was ready, the processor time, and the chunks."""

    seconds: float
    processor_s: float
    chunks: int


def made_up_page(chunks: int, chunk_tokens: int, seed: int) -> str:
    """A text in Markdown of about this many chunks, with a heading for each, and a list, a table or code in turn."""
    words = random.Random(seed)
    parts = []
    for number, paragraph in enumerate(made_up_text(chunks, chunk_tokens * 3 // 4, seed).split("\n\n")):
        taken = words.sample(paragraph.replace(".", "").split(), k=24)
        lines = [" ".join(taken[first : first + 4]) for first in range(0, 24, 4)]
        table = [f"| {' | '.join(line.split())} |" for line in lines]
        structure = [
            "\n".join(f"- {line}" for line in lines),
            "\n".join([table[0], "|---|---|---|---|", *table[1:]]),
            "\n".join(["```python", *(f"{line.replace(' ', '_')} = {number}" for line in lines), "```"]),
        ][number % 3]
        parts.append(f"{'#' * (1 + number % 3)} {' '.join(taken[:3])}\n\n{paragraph}\n\n{structure}")
    return "\n\n".join(parts)


_MADE = {"txt": made_up_text, "md": made_up_page}


class Version:
    """A user of a running version of Cabinet, its processes, and its database."""

    def __init__(self, http: httpx.AsyncClient, key: str, url: str, processes: Sequence[psutil.Process]) -> None:
        self._http = http
        self._key = {"Authorization": f"Bearer {key}"}
        self._processes = processes
        self.url = url

    async def ingest(self, files: Mapping[str, str]) -> Ingestion:
        """Upload the files, by name, and wait until all are ready.

        Raises:
            RuntimeError: an upload was refused, or a document did not become ready; the message contains the error.
        """
        used, started = self._processor_s(), time.perf_counter()
        ids = []
        for name, text in files.items():
            response = await self._http.post("/documents", json={"filename": name, "content": text}, headers=self._key)
            if response.status_code != 202:
                raise RuntimeError(f"an upload was refused: {response.text}")
            ids.append(response.json()["id"])
        chunks = 0
        async with asyncio.timeout(_READY_TIMEOUT_S):
            for document in ids:
                while (read := await self._get(document))["status"] == "processing":  # noqa: ASYNC110  another process's state has no event
                    await asyncio.sleep(_LOOK_S)
                if read["status"] != "ready":
                    raise RuntimeError(f"a document could not be ingested: {read}")
                chunks += int(str(read["chunk_count"]))
        return Ingestion(time.perf_counter() - started, self._processor_s() - used, chunks)

    async def _get(self, document: str) -> dict[str, object]:
        response = await self._http.get(f"/documents/{document}", headers=self._key)
        response.raise_for_status()
        return dict(response.json())

    def _processor_s(self) -> float:
        """Seconds that the processes and their descendants have used so far, including those that have ended."""
        total = 0.0
        for root in self._processes:
            for process in (root, *root.children(recursive=True)):
                # A process can end at any time.
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system + times.children_user + times.children_system
        return total


@asynccontextmanager
async def running_version(cabinet: Path, workers: int, chunk_tokens: int, memory_mb: int) -> AsyncIterator[Version]:
    """Serve with this command on a new database until the end of the block.

    Raises:
        RuntimeError: the database could not be migrated; the message contains the output.
    """
    async with benchmark_server(memory_mb=memory_mb) as url:
        variables = {
            "DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_ADMIN_KEY": ADMIN_KEY,
            "CABINET_WORKER_CONCURRENCY": str(workers), "CABINET_CHUNK_TOKENS": str(chunk_tokens),
            "CABINET_CHUNK_OVERLAP_TOKENS": str(chunk_tokens // 8), "CABINET_LOG_LEVEL": "warning",
        }  # fmt: skip
        await _migrate(cabinet, variables)
        connection = await asyncpg.connect(url)
        try:
            backend = await connection.fetchval((SQL / "server_process.sql").read_text())
            postgres = psutil.Process(psutil.Process(backend).ppid())
        finally:
            await connection.close()
        async with (
            running_service([str(cabinet), "serve"], variables, r"Cabinet serves on (http://\S+)") as service,
            httpx.AsyncClient(base_url=service.url, timeout=60.0) as http,
        ):
            admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
            made = await http.post("/users", json={"email": "bench@example.com", "plan": "enterprise"}, headers=admin)
            made.raise_for_status()
            yield Version(http, made.json()["api_key"], url, [psutil.Process(service.pid), postgres])


async def _migrate(cabinet: Path, variables: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="cabinet-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            str(cabinet), "migrate", "apply", env=os.environ | variables, cwd=folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{cabinet} migrate apply failed:\n{output.decode()}")


@click.command(help=__doc__)
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--documents", type=int, default=8, show_default=True, help="Files uploaded in one round.")
@click.option("--document-chunks", type=int, default=300, show_default=True, help="Approximate chunks of one file.")
@click.option("--rounds", type=int, default=5, show_default=True, help="Measured rounds.")
@click.option("--chunk-tokens", type=int, default=512, show_default=True, help="Maximum tokens in a chunk.")
@click.option("--workers", type=int, default=4, show_default=True, help="Documents ingested at once.")
@click.option("--memory-mb", type=int, default=MEMORY_MB, show_default=True, help="shared_buffers of each server.")
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(
    other: Path, documents: int, document_chunks: int, rounds: int, chunk_tokens: int, workers: int, memory_mb: int,
    folder: Path,
) -> None:  # fmt: skip
    cabinets = {
        OTHER: other.resolve() / ".venv" / "bin" / "cabinet",
        OURS: Path(sys.executable).with_name("cabinet"),
    }
    run(_measure(cabinets, documents, document_chunks, rounds, chunk_tokens, workers, memory_mb, folder))


async def _measure(
    cabinets: Mapping[str, Path], documents: int, document_chunks: int, rounds: int, chunk_tokens: int, workers: int,
    memory_mb: int, folder: Path,
) -> None:  # fmt: skip
    def files(kind: str, number: int) -> dict[str, str]:
        # The uncounted first round has the number after the last, so that its texts are not seen again.
        seeds = range(number * documents, (number + 1) * documents)
        return {f"{seed}.{kind}": _MADE[kind](document_chunks, chunk_tokens, seed) for seed in seeds}

    drawn = {kind: [files(kind, number) for number in range(rounds + 1)] for kind in KINDS}
    async with AsyncExitStack() as stack:
        versions = {
            name: await stack.enter_async_context(running_version(cabinet, workers, chunk_tokens, memory_mb))
            for name, cabinet in cabinets.items()
        }

        async def ingest(version: Version, kind: str, number: int) -> Ingestion:
            return await version.ingest(drawn[kind][number])

        for kind in KINDS:
            for version in versions.values():
                await ingest(version, kind, rounds)
        with quiet_progress() as progress:
            task = progress.add_task("ingesting", total=rounds)
            times = await interleaved(
                {f"{kind}, {name}": partial(ingest, versions[name], kind) for kind in KINDS for name in versions},
                rounds, warm_up=0, limit_s=1e9, advance=lambda: step(progress, task),
            )  # fmt: skip
        connection = await asyncpg.connect(versions[OURS].url)
        try:
            machine = await describe_machine(connection)
        finally:
            await connection.close()
    columns = ["files", "version", "MB/s", "times the other", "CPU s/MB", "times the other's", "chunks", "rounds"]
    report = Report("versions", folder, columns, machine)
    for kind in KINDS:
        size = statistics.mean(sum(map(len, each.values())) for each in drawn[kind][:rounds]) / 1e6
        rates, costs = {}, {}
        for name in versions:
            results: list[Ingestion] = times[f"{kind}, {name}"].results
            rates[name] = size / statistics.median(one.seconds for one in results)
            costs[name] = statistics.median(one.processor_s for one in results) / size
            report.add(
                kind, name, rates[name], rates[name] / rates[OTHER], costs[name], costs[name] / costs[OTHER],
                sum(one.chunks for one in results), len(results),
            )  # fmt: skip
    report.write(
        f"{documents} files of about {document_chunks} chunks of {chunk_tokens} tokens, from the first upload until "
        f"all are ready, {workers} at once, with the local model; medians of {rounds} rounds"
    )


if __name__ == "__main__":
    main()
