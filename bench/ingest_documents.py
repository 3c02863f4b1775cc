"""The second half of `bench.ingest`: chunks per second from the first upload until every document is ready."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.progress import Progress

from bench.embedding_endpoint import GREETING
from bench.machine import describe_machine
from bench.plans import explain
from bench.progress import step
from bench.servers import benchmark_connection, benchmark_server, benchmark_settings
from bench.service import ADMIN_KEY, running_service
from svc.calibration.timing import Times, interleaved
from svc.database.by_name import bind
from svc.database.statements import load_statements
from svc.migrations.migrate import apply_migrations
from svc.resources import resource_folder
from svc.settings import Settings

LOCAL, ENDPOINT = "local model", "endpoint on loopback"
NEW, AGAIN = "new", "uploaded again"
STAGES = ("parse", "reuse", "embed", "store")
_LOOK_S = 0.02
_UPLOAD_TIMEOUT_S = 60.0
_READY_TIMEOUT_S = 900.0
# English words, for realistic tokens; in a different order in each document.
_WORDS = """
    the of and to in is that it was for on are as with they at be this from have or by one had not but what all were
    when we there can an your which their said if do will each about how up out them then she many some so these would
    other into has more her two like him see time could no make than first been its who now people my made over did down
    only way find use may water long little very after words called just where most know observatory telescope
    instrument measurement temperature calibration maintenance visitor schedule harbour vessel inspection certificate
    insurance replacement department telephone electricity agreement customer delivery warehouse condition
    procedure emergency responsible equipment pressure permission approximately afternoon requirement documentation
    registration northern
"""


@dataclass(frozen=True)
class DocumentOptions:
    """A round uploads `documents` texts of about `chunks` chunks each, new and then unchanged."""

    dimensions: int
    documents: int
    chunks: int
    chunk_tokens: int
    workers: int
    rounds: int


@dataclass(frozen=True)
class Ingested:
    """One round of a variant: the time until the last document was ready, and the service's metrics.

    `stage_seconds` are summed over documents that are processed in parallel, so their sum can exceed `seconds`.
    """

    seconds: float
    chunks: int
    reused: int
    cached: int
    stage_seconds: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Chunks a second."""
        return self.chunks / self.seconds


@dataclass(frozen=True)
class IngestedDocuments:
    """The results of each round, by provider and pass; the plans of a worker's statements."""

    rounds: Mapping[tuple[str, str], list[Ingested]]
    plans: Mapping[str, str]
    machine: str


def made_up_text(chunks: int, chunk_tokens: int, seed: int) -> str:
    """A text of about this many chunks: sentences of English words, in paragraphs of about the length of a chunk."""
    words, vocabulary = random.Random(seed), _WORDS.split()
    sentences = max(1, chunk_tokens // 20)
    paragraphs = (
        " ".join(" ".join(words.choices(vocabulary, k=14)).capitalize() + "." for _ in range(sentences))
        for _ in range(chunks)
    )
    return "\n\n".join(paragraphs)


async def ingest_documents(options: DocumentOptions, memory_mb: int, progress: Progress) -> IngestedDocuments:
    """Measure both providers, each with new documents and then with the same documents.

    Raises:
        RuntimeError: a document did not become ready.
    """
    async with AsyncExitStack() as stack:
        clients = {
            LOCAL: await stack.enter_async_context(_local_service(options, memory_mb)),
            ENDPOINT: await stack.enter_async_context(_endpoint_service(options, memory_mb)),
        }
        rounds = _Rounds(options)
        variants = {
            f"{name}, {which}": partial(rounds.ingest, client)
            for name, client in clients.items()
            for which in (NEW, AGAIN)
        }
        task = progress.add_task("ingesting", total=options.rounds + 1)

        def advance() -> None:
            step(progress, task)
            rounds.advance()

        # The first round loads models and starts the parsers.
        times = await interleaved(variants, options.rounds, warm_up=1, limit_s=1e9, advance=advance)
        plans, machine = await _plans(clients[LOCAL])
    rounds_of = {(name, which): _results(times[f"{name}, {which}"]) for name in clients for which in (NEW, AGAIN)}
    return IngestedDocuments(rounds_of, plans, machine)


def _results(times: Times) -> list[Ingested]:
    return [result for result in times.results if isinstance(result, Ingested)]


class _Rounds:
    """The texts of the round, which every variant ingests: two providers, each with new and then with known texts."""

    def __init__(self, options: DocumentOptions) -> None:
        self._options = options
        self._number = 0
        self.texts: list[str] = []
        self.advance()

    def advance(self) -> None:
        """Generate the texts of the next round."""
        first = self._number * self._options.documents
        self._number += 1
        self.texts = [
            made_up_text(self._options.chunks, self._options.chunk_tokens, first + number)
            for number in range(self._options.documents)
        ]

    async def ingest(self, client: _Client, _number: int) -> Ingested:
        """Ingest them."""
        return await client.ingest(self.texts)


class _Client:
    """A user of a running service, and its database."""

    def __init__(self, http: httpx.AsyncClient, key: str, url: str, settings: Settings) -> None:
        self._http = http
        self._key = {"Authorization": f"Bearer {key}"}
        self.url = url
        self.settings = settings

    async def ingest(self, texts: Sequence[str]) -> Ingested:
        """Upload these texts as documents and wait until all are ready.

        Raises:
            RuntimeError: an upload was refused, or a document did not become ready.
        """
        before = await self._metrics()
        started = time.perf_counter()
        for number, text in enumerate(texts):
            body = {"filename": f"{number}.txt", "content": text}
            response = await self._http.post("/documents", json=body, headers=self._key)
            if response.status_code != 202:
                raise RuntimeError(f"an upload was refused: {response.text}")
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while await self._has("processing"):  # noqa: ASYNC110  another process's state has no event
                await asyncio.sleep(_LOOK_S)
        seconds = time.perf_counter() - started
        if await self._has("error"):
            raise RuntimeError("a document could not be ingested")
        after = await self._metrics()
        change = {name: value - before.get(name, 0.0) for name, value in after.items()}
        return Ingested(
            seconds,
            int(change["chunks"]),
            int(change["reused"]),
            int(change["cached"]),
            {stage: change.get(stage, 0.0) for stage in STAGES},
        )

    async def _has(self, status: str) -> bool:
        response = await self._http.get("/documents", params={"status": status, "limit": 1}, headers=self._key)
        response.raise_for_status()
        return bool(response.json()["data"])

    async def _metrics(self) -> dict[str, float]:
        text = (await self._http.get("/metrics")).text
        found: dict[str, float] = {"chunks": 0.0, "reused": 0.0, "cached": 0.0}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "cabinet_ingestion_seconds_sum":
                    found[sample.labels["stage"]] = sample.value
                elif sample.name == "cabinet_ingested_chunks_total":
                    found["chunks"] = sample.value
                elif sample.name == "cabinet_reused_vectors_total":
                    found["reused"] = sample.value
                elif sample.name == "cabinet_embedding_cache_total" and sample.labels["outcome"] == "hit":
                    found["cached"] = sample.value
        return found


@asynccontextmanager
async def _local_service(options: DocumentOptions, memory_mb: int) -> AsyncIterator[_Client]:
    async with _service(options, memory_mb, Settings(_env_file=None, embedding_provider="local"), {}) as client:
        yield client


@asynccontextmanager
async def _endpoint_service(options: DocumentOptions, memory_mb: int) -> AsyncIterator[_Client]:
    settings = benchmark_settings(options.dimensions)
    command = [sys.executable, "-m", "bench.embedding_endpoint"]
    place = {
        "ENDPOINT_DIMENSIONS": str(options.dimensions),
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    }
    async with running_service(command, place, GREETING) as endpoint:
        variables = {
            "OPENAI_BASE_URL": endpoint.url, "CABINET_EMBEDDING_MODEL": settings.model,
            "CABINET_EMBEDDING_DIMENSIONS": str(options.dimensions),
        }  # fmt: skip
        async with _service(options, memory_mb, settings, variables) as client:
            yield client


@asynccontextmanager
async def _service(
    options: DocumentOptions, memory_mb: int, settings: Settings, variables: Mapping[str, str]
) -> AsyncIterator[_Client]:
    """Run `cabinet serve` with its own worker on its own server and database."""
    command = [str(Path(sys.executable).with_name("cabinet")), "serve"]
    async with benchmark_server(memory_mb=memory_mb) as url:
        await apply_migrations(settings, url)
        all_variables = {
            "DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_ADMIN_KEY": ADMIN_KEY,
            "CABINET_WORKER_CONCURRENCY": str(options.workers), "CABINET_CHUNK_TOKENS": str(options.chunk_tokens),
            "CABINET_CHUNK_OVERLAP_TOKENS": str(options.chunk_tokens // 8), "CABINET_LOG_LEVEL": "warning", **variables,
        }  # fmt: skip
        async with (
            running_service(command, all_variables, r"Cabinet serves on (http://\S+)") as service,
            httpx.AsyncClient(base_url=service.url, timeout=_UPLOAD_TIMEOUT_S) as http,
        ):
            admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
            made = await http.post("/users", json={"email": "bench@example.com", "plan": "enterprise"}, headers=admin)
            made.raise_for_status()
            yield _Client(http, made.json()["api_key"], url, settings)


async def _plans(client: _Client) -> tuple[dict[str, str], str]:
    """The plans of the statements by which a worker claims a document and finds stored vectors; the machine."""
    statements = load_statements(resource_folder("sql"))
    plans = {}
    async with benchmark_connection(client.url, client.settings) as connection:
        hashes = await connection.fetch((Path(__file__).parent / "sql" / "ingest" / "some_hashes.sql").read_text())
        wanted = [row["content_hash"] for row in hashes]
        for name, arguments in (
            ("claim", {"worker": "benchmark", "lease_s": 60.0, "after": UUID(int=0)}),
            ("known_vectors", {"user_id": hashes[0]["user_id"], "hashes": wanted, "max_rows": len(wanted)}),
        ):
            statement = statements[f"ingest/{name}"]
            plans[f"worker.{name}"] = await explain(connection, statement.body, bind(statement, arguments))
        return plans, await describe_machine(connection)
