"""Sends 50 large uploads concurrently, with a slow embedding endpoint and a small pool.

    python -m tests.campaigns.load [--documents 50] [--chunks 500] [--delay 2.0] [--pool 5]

Meanwhile `GET /health/ready` and `GET /me` are asked ten times a second each; their p95 must stay within 250 ms.
That no database connection is held during a call is watched by the service itself: a held one makes the call raise
and the document an error. Here the pool's own gauge is read beside it.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time

import httpx

from tests.embedding_endpoint import EmbeddingEndpoint
from tests.server_process import ServerProcess

LIMIT_MS = 250.0


class Probe(threading.Thread):
    """Asks one path ten times a second and keeps the latencies."""

    def __init__(self, server: ServerProcess, key: str, path: str) -> None:
        super().__init__(daemon=True)
        self.server, self.key, self.path = server, key, path
        self.latencies_ms: list[float] = []
        self.failures: list[str] = []
        self.finished = threading.Event()

    def run(self) -> None:
        """Ask until told to finish."""
        with self.server.client(self.key, timeout_s=10) as client:
            while not self.finished.wait(0.1):
                started = time.perf_counter()
                try:
                    response = client.get(self.path)
                    if response.status_code != 200:
                        self.failures.append(response.text)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.latencies_ms.append((time.perf_counter() - started) * 1000)

    def p95_ms(self) -> float:
        """The latency that 95 of 100 answers keep."""
        return sorted(self.latencies_ms)[int(len(self.latencies_ms) * 0.95)]


def text_of(chunks: int, chunk_tokens: int, seed: int) -> str:
    """A text of about this many chunks."""
    words = random.Random(seed)
    vocabulary = ["".join(words.choices("abcdefghijklmnoprstuv", k=words.randint(3, 8))) for _ in range(2000)]
    # A made-up word is about four tokens; a paragraph fills about a chunk.
    paragraph = chunk_tokens * 9 // 10 // 4
    return "\n\n".join(" ".join(words.choices(vocabulary, k=paragraph)) + "." for _ in range(chunks))


def main() -> int:
    """Run the campaign; returns 1 if a document is not ready or an answer was late."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--chunks", type=int, default=500)
    parser.add_argument("--delay", type=float, default=2.0, help="seconds that the endpoint takes for a call")
    parser.add_argument("--pool", type=int, default=5)
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--chunk-tokens", type=int, default=128)
    options = parser.parse_args()
    with EmbeddingEndpoint(dimensions=options.dimensions) as endpoint:
        endpoint.delay_s = options.delay
        variables = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "CABINET_EMBEDDING_DIMENSIONS": str(options.dimensions),
            "CABINET_POOL_SIZE": str(options.pool),
            "CABINET_CHUNK_TOKENS": str(options.chunk_tokens),
            "CABINET_CHUNK_OVERLAP_TOKENS": "16",
        }
        with ServerProcess(variables) as server:
            return _run(server, endpoint, options)


def _run(server: ServerProcess, endpoint: EmbeddingEndpoint, options: argparse.Namespace) -> int:
    key = server.user("load@example.com")
    texts = [text_of(options.chunks, options.chunk_tokens, seed) for seed in range(options.documents)]
    probes = [Probe(server, key, "/health/ready"), Probe(server, key, "/me")]
    for probe in probes:
        probe.start()
    started = time.monotonic()
    with server.client(key, timeout_s=60) as client:
        ids = [
            client.post("/documents", json={"filename": f"{n}.txt", "content": text}).json()["id"]
            for n, text in enumerate(texts)
        ]
        print(f"{len(ids)} uploads accepted in {time.monotonic() - started:.1f} s, {len(texts[0])} characters each")
        documents = [server.ended(client, document_id, 600) for document_id in ids]
    seconds = time.monotonic() - started
    for probe in probes:
        probe.finished.set()
        probe.join()
    statuses = [document["status"] for document in documents]
    chunks = sum(int(str(document["chunk_count"])) for document in documents)
    print(
        f"after {seconds:.0f} s: {statuses.count('ready')} ready of {len(ids)}, {chunks} chunks, "
        f"{len(endpoint.calls)} calls of {options.delay} s to the endpoint, server {server.memory_mb():.0f} MB"
    )
    for probe in probes:
        print(
            f"GET {probe.path}: {len(probe.latencies_ms)} calls, p95 {probe.p95_ms():.0f} ms, "
            f"worst {max(probe.latencies_ms):.0f} ms, failures {probe.failures[:3]}"
        )
    is_late = any(probe.p95_ms() > LIMIT_MS or probe.failures for probe in probes)
    return 1 if is_late or statuses.count("ready") < len(ids) else 0


if __name__ == "__main__":
    sys.exit(main())
