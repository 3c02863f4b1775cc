"""Ingests the SciFact corpus over HTTP and measures the quality of `POST /search` by meaning for its claims.

    python -m tests.campaigns.scifact FOLDER [--chunk-tokens 512]

nDCG@10 over the 300 test claims, documents ranked by their best chunk, beside the same figure of an exact search in
NumPy over the local model's vectors: of the same chunks, and of whole abstracts. With --chunk-tokens 4096 an abstract
is one chunk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from rich.progress import Progress

from svc.embedding.choice import create_provider
from svc.settings import Settings
from tests.server_process import ServerProcess

AT = 10
UPLOADS_AT_ONCE = 16


def main() -> int:
    """Run the campaign; 1 when the service is more than 0.01 off the exact figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chunk-tokens", type=int, default=512)
    options = parser.parse_args()
    corpus = [json.loads(line) for line in (options.folder / "corpus.jsonl").open()]
    queries = [json.loads(line) for line in (options.folder / "queries.jsonl").open()]
    relevant = read_relevant(options.folder / "qrels.tsv")
    texts = [f"{entry['title']}\n\n{entry['text']}" for entry in corpus]
    whole = asyncio.run(exact_rankings(texts, [entry["_id"] for entry in corpus], queries))
    overlap = str(min(64, options.chunk_tokens // 8))
    variables = {"CABINET_CHUNK_TOKENS": str(options.chunk_tokens), "CABINET_CHUNK_OVERLAP_TOKENS": overlap}
    with ServerProcess(variables) as server:
        key = server.user("scifact@example.com")
        started = time.monotonic()
        chunks, owners = asyncio.run(ingest(server.url, key, corpus, texts))
        print(
            f"{len(corpus)} abstracts in {len(chunks)} chunks of at most {options.chunk_tokens} tokens, "
            f"ready after {time.monotonic() - started:.0f} s; server {server.memory_mb():.0f} MB"
        )
        rankings, median_ms = asyncio.run(search(server.url, key, queries))
    same = asyncio.run(exact_rankings(chunks, owners, queries))
    score, same_score, whole_score = (mean_ndcg(ranking, relevant) for ranking in (rankings, same, whole))
    print(
        f"nDCG@{AT}: POST /search {score:.4f}, exact over the same chunks {same_score:.4f}, "
        f"exact over whole abstracts {whole_score:.4f}; median {median_ms:.1f} ms a search"
    )
    return 0 if abs(score - same_score) <= 0.01 else 1


def read_relevant(file: Path) -> dict[str, dict[str, int]]:
    """Query -> document -> relevance."""
    relevant: dict[str, dict[str, int]] = {}
    for line in file.read_text().splitlines()[1:]:
        query, document, score = line.split("\t")
        relevant.setdefault(query, {})[document] = int(score)
    return relevant


def mean_ndcg(rankings: dict[str, list[str]], relevant: dict[str, dict[str, int]]) -> float:
    """Mean over the queries of DCG@10 / ideal DCG@10 (Järvelin and Kekäläinen, 2002)."""
    scores = []
    for query, wanted in relevant.items():
        gains = [wanted.get(document, 0) / math.log2(rank + 2) for rank, document in enumerate(rankings[query][:AT])]
        ideal = [gain / math.log2(rank + 2) for rank, gain in enumerate(sorted(wanted.values(), reverse=True)[:AT])]
        scores.append(sum(gains) / sum(ideal))
    return sum(scores) / len(scores)


async def exact_rankings(texts: list[str], owners: list[str], queries: list[dict[str, str]]) -> dict[str, list[str]]:
    """For each query the ten documents whose nearest text is nearest by cosine."""
    provider = create_provider(Settings(_env_file=None))
    vectors, asked = await provider.embed(texts), await provider.embed([query["text"] for query in queries])
    nearest = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, : 5 * AT]
    return {
        query["_id"]: list(dict.fromkeys(owners[index] for index in row))[:AT]
        for query, row in zip(queries, nearest, strict=True)
    }


async def ingest(url: str, key: str, corpus: list[dict[str, str]], texts: list[str]) -> tuple[list[str], list[str]]:
    """Upload every abstract and wait until all are ready; the text of every chunk, and whose it is."""
    places = asyncio.Semaphore(UPLOADS_AT_ONCE)
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:

        async def upload(entry: dict[str, str], text: str) -> None:
            async with places:
                body = {"filename": f"{entry['_id']}.txt", "content": text, "metadata": {"_id": entry["_id"]}}
                (await client.post("/documents", json=body)).raise_for_status()

        async with asyncio.TaskGroup() as group:
            for entry, text in zip(corpus, texts, strict=True):
                group.create_task(upload(entry, text))
        with Progress() as progress:
            bar = progress.add_task("ingesting", total=len(corpus))
            while queued := (await client.get("/health/ready")).json()["worker"]["detail"]:
                left = int(queued.split("; ")[1].split()[0])
                progress.update(bar, completed=len(corpus) - left)
                if not left:
                    break
                await asyncio.sleep(1)
        return await read_chunks(client)


async def read_chunks(client: httpx.AsyncClient) -> tuple[list[str], list[str]]:
    """The chunks of all documents; every document must be ready."""
    chunks: list[str] = []
    owners: list[str] = []
    after = None
    while True:
        page = (await client.get("/documents", params={"limit": 100, **({"after": after} if after else {})})).json()
        for document in page["data"]:
            assert document["status"] == "ready", document
            found = await client.get(f"/documents/{document['id']}/chunks", params={"limit": 100})
            chunks += [chunk["content"] for chunk in found.json()["data"]]
            owners += [document["metadata"]["_id"]] * document["chunk_count"]
        after = page["next"]
        if after is None:
            return chunks, owners


async def search(url: str, key: str, queries: list[dict[str, str]]) -> tuple[dict[str, list[str]], float]:
    """For each query its documents in the order of their best chunks; the median milliseconds of a search."""
    rankings, times = {}, []
    # Several chunks of one document may be among the first, so more than ten are asked for.
    asked = {"mode": "meaning", "limit": 5 * AT}
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for query in queries:
            started = time.perf_counter()
            response = await client.post("/search", json={**asked, "query": query["text"]})
            times.append((time.perf_counter() - started) * 1000)
            results = response.raise_for_status().json()["results"]
            rankings[query["_id"]] = list(dict.fromkeys(result["metadata"]["_id"] for result in results))[:AT]
    return rankings, sorted(times)[len(times) // 2]


if __name__ == "__main__":
    sys.exit(main())
