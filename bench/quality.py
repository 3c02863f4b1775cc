"""Measures the quality of search in a collection with known answers: each mode, BM25 by a library, and exact vectors.

    python -m bench.quality FOLDER
    python -m bench.quality FOLDER --vectors minilm     vectors of the folder, not the local model's

A folder contains `corpus.jsonl` (_id, title, text), `queries.jsonl` (_id, text) and `qrels.tsv` (query-id, corpus-id,
score, below a line of titles), as the collections of BEIR do; for `--vectors NAME` also `corpus.NAME.f16.npy` and
`queries.NAME.f16.npy` with a row for each line. Documents are ranked by their best chunk. nDCG@10 and recall@100 are
means over the queries.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import bm25s
import click
import httpx
import numpy as np
import Stemmer
from rich.progress import Progress

from bench import given_vectors
from bench.collection import Collection, Rankings, Vectors, mean_ndcg, mean_recall, read_collection
from bench.machine import describe_machine
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report, plot_bars
from bench.servers import benchmark_server
from bench.service import ADMIN_KEY, running_service
from svc.embedding.local import LocalProvider
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings

MODES = ("hybrid", "keyword", "meaning")
UPLOADS_AT_ONCE = 16
# The maximum number of results of a search, which may include several chunks of one document.
RESULTS = 100
SHORT_QUERIES = 20
_COUNTED_WITHIN_S = 600
_TRIES = 100


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.argument("collection", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--vectors", help="Name of the vectors in the folder; without it, the local model's.")
@click.option("--chunk-tokens", default=512, show_default=True, help="Largest chunk; with --vectors, 4,096.")
@click.option("--short", is_flag=True, help=f"Only the first {SHORT_QUERIES} queries.")
@click.option("--folder", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(*, collection: Path, vectors: str | None, chunk_tokens: int, short: bool, folder: Path) -> None:
    """Read the flags and run."""
    asyncio.run(_run(collection, vectors, 4096 if vectors else chunk_tokens, SHORT_QUERIES if short else 0, folder))


async def _run(path: Path, vectors: str | None, chunk_tokens: int, query_count: int, folder: Path) -> None:
    collection = read_collection(path, vectors, query_count)
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(quiet_progress())
        url = await stack.enter_async_context(benchmark_server(memory_mb=512))
        connection = await asyncpg.connect(url)
        settings: dict[str, str] = {}
        if vectors:
            assert collection.document_vectors is not None
            command = [sys.executable, "-m", "bench.given_vectors", str(path.resolve()), vectors]
            here = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
            endpoint = await stack.enter_async_context(running_service(command, here, given_vectors.GREETING))
            settings = {
                "openai_base_url": endpoint.url, "openai_api_key": "none", "embedding_model": vectors,
                "embedding_dimensions": str(collection.document_vectors.shape[1]),
            }  # fmt: skip
        await apply_migrations(Settings(_env_file=None, **settings), url)  # type: ignore[arg-type]
        variables = {
            "DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_ADMIN_KEY": ADMIN_KEY,
            "CABINET_DEFAULT_PLAN": "enterprise", "CABINET_CHUNK_TOKENS": str(chunk_tokens),
            "CABINET_CHUNK_OVERLAP_TOKENS": str(min(64, chunk_tokens // 8)),
            **{name.upper() if "openai" in name else f"CABINET_{name.upper()}": one for name, one in settings.items()},
        }  # fmt: skip
        cabinet = [str(Path(sys.executable).with_name("cabinet")), "serve"]
        service = await stack.enter_async_context(
            running_service(cabinet, variables, r"Cabinet serves on (http://\S+)")
        )
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=service.url, timeout=60))
        await _sign_up(client)
        await _ingest(client, collection, progress)
        # A worker counts the terms of a tenant that has grown in its next turn.
        await _counted(connection)
        machine = await describe_machine(connection)
        name = f"quality-{collection.name}" + (f"-{vectors}" if vectors else "")
        report = Report(name, folder, ["method", "nDCG@10", "recall@100", "p50 ms", "p95 ms"], machine)
        for mode in MODES:
            rankings, times = await _search(client, collection, mode, progress)
            report.add(f"Cabinet, {mode}", *_measures(collection, rankings), *np.percentile(times, (50, 95)))
        await connection.close()
    report.add("BM25, bm25s", *_measures(collection, _bm25(collection)), None, None)
    report.add("exact vectors", *_measures(collection, await _dense(collection)), None, None)
    report.write(f"{collection.name}: {len(collection.documents):,} documents, {len(collection.queries)} queries")
    figures = {
        str(method): {"nDCG@10": float(str(ndcg)), "recall@100": float(str(recall))}
        for method, ndcg, recall, *_ in report.rows
    }
    plot_bars(folder / f"{name}.svg", f"Quality of search: {collection.name}", "mean", figures, log_y=False)


def _measures(collection: Collection, rankings: Rankings) -> tuple[float, float]:
    return mean_ndcg(rankings, collection.relevant), mean_recall(rankings, collection.relevant)


async def _sign_up(client: httpx.AsyncClient) -> None:
    """Create a user, whose key the client then sends."""
    client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
    user = (await client.post("/users", json={"email": "quality@example.com"})).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {user['api_key']}"


async def _ingest(client: httpx.AsyncClient, collection: Collection, progress: Progress) -> None:
    places = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def upload(document: str, text: str) -> None:
        async with places:
            body = {"filename": f"{document}.txt", "content": text, "metadata": {"_id": document}}
            for _ in range(_TRIES):
                answer = await client.post("/documents", json=body)
                if answer.status_code not in {429, 503}:
                    break
                # A busy service reports when to try again.
                await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
            answer.raise_for_status()

    async with asyncio.TaskGroup() as group:
        for document, text in collection.documents.items():
            group.create_task(upload(document, text))
    task = progress.add_task("ingesting", total=len(collection.documents))
    ready = 0
    while ready < len(collection.documents):
        await asyncio.sleep(0.5)
        counts = (await client.get("/health/ready")).json()["worker"]["detail"]
        left = int(counts.split("; ")[1].split()[0])
        step(progress, task, len(collection.documents) - left - ready)
        ready = len(collection.documents) - left
    failed = (await client.get("/documents", params={"status": "error"})).json()["data"]
    if failed:
        raise RuntimeError(f"{failed[0]['filename']} cannot be ingested: {failed[0]['error']}")


async def _counted(connection: Any) -> None:
    """Wait until the terms of the chunks were counted."""
    sql = (Path(__file__).parent / "sql" / "terms_counted.sql").read_text()
    async with asyncio.timeout(_COUNTED_WITHIN_S):
        while not await connection.fetchval(sql):  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def _search(
    client: httpx.AsyncClient, collection: Collection, mode: str, progress: Progress
) -> tuple[Rankings, list[float]]:
    """The documents of each query in the order of their best chunks, and the milliseconds of each search."""
    rankings: Rankings = {}
    times = []
    task = progress.add_task(f"mode {mode}", total=len(collection.queries))
    for number, (query, text) in enumerate(collection.queries.items()):
        body: dict[str, object] = {"query": text, "mode": mode, "limit": RESULTS, "duplicates": "keep"}
        if collection.query_vectors is not None and mode != "keyword":
            body["embedding"] = collection.query_vectors[number].tolist()
            if mode == "meaning":
                del body["query"]
        started = time.perf_counter()
        response = await client.post("/search", json=body)
        times.append(1000 * (time.perf_counter() - started))
        results = response.raise_for_status().json()["results"]
        rankings[query] = list(dict.fromkeys(result["metadata"]["_id"] for result in results))
        step(progress, task)
    return rankings, times


def _bm25(collection: Collection) -> Rankings:
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: Sequence[str]) -> Any:
        return bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    index = bm25s.BM25(k1=1.2, b=0.75)
    index.index(tokens([*collection.documents.values()]), show_progress=False)
    most = min(RESULTS, len(collection.documents))
    rows, scores = index.retrieve(tokens([*collection.queries.values()]), k=most, show_progress=False)
    ids = [*collection.documents]
    return {
        query: [ids[row] for row, score in zip(rows[number], scores[number], strict=True) if score > 0]
        for number, query in enumerate(collection.queries)
    }


async def _dense(collection: Collection) -> Rankings:
    stored, asked = collection.document_vectors, collection.query_vectors
    if stored is None or asked is None:
        stored, asked = await _local_vectors(collection)
    nearest = np.argsort(-(asked @ stored.T), axis=1, kind="stable")[:, :RESULTS]
    ids = [*collection.documents]
    return {query: [ids[row] for row in rows] for query, rows in zip(collection.queries, nearest, strict=True)}


async def _local_vectors(collection: Collection) -> tuple[Vectors, Vectors]:
    """The local model's vectors of whole documents, and of the queries."""
    provider = LocalProvider(Settings(_env_file=None))
    try:
        return (
            await provider.embed([*collection.documents.values()]),
            await provider.embed([*collection.queries.values()]),
        )
    finally:
        await provider.close()


if __name__ == "__main__":
    main()
