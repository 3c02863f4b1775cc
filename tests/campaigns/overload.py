"""Sends requests of many more clients than the server can serve, and counts accepted and refused ones.

    python -m tests.campaigns.overload [--clients 512] [--users 64] [--seconds 10] [--rounds 3]

Each client sends its next request after the last answer; after a refusal (429, 503) it waits as Retry-After says. A
tenth of the users have a large document and search it, the others read. First 32 clients measure the best throughput,
then all clients; the two alternate. The figures: 99 of 100 accepted answers within a second, as many refusals within a
second, and at least 80 % of the best throughput.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.load import encode_request
from tests.campaigns.load import text_of
from tests.server_process import ServerProcess

FEW_CLIENTS = 32
MOST_S = 1.0
LEAST_SHARE = 0.8
_REFUSALS = (429, 503)


@dataclass
class Answers:
    """The seconds of all answers of one run, by result."""

    run_s: float
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return len(self.accepted) / self.run_s

    def __str__(self) -> str:
        refused = f"{len(self.refused)} refused, p99 {p99(self.refused):.2f} s"
        return f"{self.rate:.0f} a second, p99 {p99(self.accepted):.2f} s, {refused}, {len(self.failed)} failed"


def p99(seconds: list[float]) -> float:
    """The time within which 99 of 100 came; 0 if there were none."""
    return sorted(seconds)[int(len(seconds) * 0.99)] if seconds else 0.0


async def run(url: str, requests: list[list[bytes]], clients: int, seconds: float) -> Answers:
    """The answers to this number of clients, each with the requests of one user."""
    answers = Answers(seconds)
    until = time.perf_counter() + seconds
    jobs = [_client(url, requests[number % len(requests)], until, answers, number) for number in range(clients)]
    await asyncio.gather(*jobs)
    return answers


async def _client(url: str, requests: list[bytes], until: float, answers: Answers, number: int) -> None:
    chance = random.Random(number)
    parts = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError as error:
        answers.failed.append(repr(error))
        return
    try:
        while (started := time.perf_counter()) < until:
            writer.write(chance.choice(requests))
            status, retry_after_s = await _answer(reader)
            took_s = time.perf_counter() - started
            if status == 200:
                answers.accepted.append(took_s)
            elif status in _REFUSALS and retry_after_s:
                answers.refused.append(took_s)
                await asyncio.sleep(retry_after_s * chance.uniform(0.5, 1.5))
            else:
                answers.failed.append(f"{status}")
    except (OSError, asyncio.IncompleteReadError) as error:
        answers.failed.append(repr(error))
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, float]:
    """The status of the next answer, and its Retry-After in seconds (0: none)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().splitlines()
    fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    await reader.readexactly(int(fields["content-length"]))
    return int(head[0].split()[1]), float(fields.get("retry-after", 0))


def requests_of(server: ServerProcess, users: int) -> list[list[bytes]]:
    """The requests of each of this number of new users; every tenth uploads a document and searches it."""
    requests = []
    for number in range(users):
        key = server.user(f"overload{number}@example.com")
        headers = {"Authorization": f"Bearer {key}"}
        own = [encode_request("GET", path, headers) for path in ("/me", "/documents", "/conversations")]
        if number % 10 == 0:
            client = server.client(key)
            body = {"filename": "a.txt", "content": text_of(500, 64, number)}
            document = server.ended(client, client.post("/documents", json=body).json()["id"], 300)
            assert document["status"] == "ready", document
            own = [encode_request("POST", "/search", headers, {"query": f"cabinet {n}", "limit": 5}) for n in range(50)]
        requests.append(own)
    return requests


def overload(clients: int, users: int, seconds: float, rounds: int) -> list[tuple[Answers, Answers]]:
    """The answers to few and to many clients, in turn."""
    variables = {
        "CABINET_CHUNK_TOKENS": "64",
        "CABINET_CHUNK_OVERLAP_TOKENS": "8",
        "CABINET_MAX_CONNECTIONS_PER_ADDRESS": str(2 * clients),
    }
    found = []
    with ServerProcess(variables) as server:
        requests = requests_of(server, users)
        for _ in range(rounds):
            few = asyncio.run(run(server.url, requests, min(FEW_CLIENTS, clients), seconds))
            many = asyncio.run(run(server.url, requests, clients, seconds))
            print(f"{min(FEW_CLIENTS, clients):4} clients: {few}\n{clients:4} clients: {many}")
            found.append((few, many))
    return found


def main() -> int:
    """Run the campaign; returns 1 if a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=512)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = overload(options.clients, options.users, options.seconds, options.rounds)
    share = statistics.median(many.rate / few.rate for few, many in found)
    accepted_s = statistics.median(p99(many.accepted) for _, many in found)
    refused_s = statistics.median(p99(many.refused) for _, many in found)
    failed = sum(len(answers.failed) for pair in found for answers in pair)
    print(
        f"{share:.0%} of the throughput of few clients; 99 of 100 accepted within {accepted_s:.2f} s, refused within "
        f"{refused_s:.2f} s; {failed} failed"
    )
    return 0 if share >= LEAST_SHARE and accepted_s <= MOST_S and refused_s <= MOST_S and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
