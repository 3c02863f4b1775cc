"""Attacks a real `cabinet serve` as clients without a key, and measures how another client is served meanwhile.

    python -m tests.campaigns.strangers [--seconds 20] [--connections 10000] [--only NAME] [--cabinet PATH]

Each attack runs in a process of its own, from the same address as the client that is measured: `GET /me`, over a
connection that is kept and over new ones. Its p99 must be at most 250 ms and all its answers 200, the server's memory
at most 400 MB, and within a minute after the attack memory and connections must be back where they were.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.campaigns.hostile import ATTACKS, Target, run_attack
from tests.server_process import CABINET, ServerProcess

LIMIT_MS = 250.0
LIMIT_MB = 400.0
BACK_S = 60.0
# The growth of memory at which it counts as released: the allocator keeps a little, and so do caches.
SLACK_MB = 40.0


@dataclass
class Result:
    """The effect of one attack on other clients."""

    name: str
    latencies_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    start_mb: float = 0.0
    peak_mb: float = 0.0
    lag_ms: float = 0.0
    """The maximum lag of the event loop in 99 of 100 observations; a busy machine adds to it."""
    busy_s: float = 0.0
    """The processor time that the server took."""
    back_s: float | None = None
    left_mb: float = 0.0

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the latency."""
        return statistics.quantiles(self.latencies_ms, n=100)[98] if len(self.latencies_ms) > 1 else 0.0

    def faults(self, *, timed: bool = True) -> list[str]:
        """The broken parts of the promise."""
        return [
            *(["late"] if timed and self.p99_ms > LIMIT_MS else []),
            *(["failed requests"] if self.failures else []),
            *(["memory"] if self.peak_mb > LIMIT_MB else []),
            *(["not back"] if self.back_s is None else []),
        ]

    def line(self) -> str:
        """One row of the report."""
        back = "never" if self.back_s is None else f"{self.back_s:.0f} s"
        numbers = (
            f"{len(self.latencies_ms):6} {self.p99_ms:8.0f} {max(self.latencies_ms, default=0):8.0f} "
            f"{self.lag_ms:7.0f} {self.busy_s:6.1f} {len(self.failures):7} "
            f"{self.start_mb:7.0f} {self.peak_mb:7.0f} {self.left_mb:7.0f}"
        )
        return f"{self.name:16} {numbers} {back:>6}  {', '.join(self.faults()) or 'holds'}"


HEADING = "attack            asked   p99 ms    worst  lag ms busy s  failed      MB    peak   after   back"


class Measured(threading.Thread):
    """A well-behaved client, which also measures the server's memory."""

    def __init__(self, server: ServerProcess, key: str, result: Result) -> None:
        super().__init__(daemon=True)
        self.server, self.key, self.result = server, key, result
        self.finished = threading.Event()

    def run(self) -> None:
        """Ask twenty times a second until told to finish, every second time over a new connection."""
        kept = self.server.client(self.key, timeout_s=30)
        while not self.finished.wait(0.04):
            self.ask(kept)
            with httpx.Client(base_url=self.server.url, headers=kept.headers, timeout=30) as fresh:
                self.ask(fresh)
            self.result.peak_mb = max(self.result.peak_mb, self.server.memory_mb())

    def ask(self, client: httpx.Client) -> None:
        """Ask once."""
        started = time.perf_counter()
        try:
            response = client.get("/me")
            if response.status_code != 200:
                self.result.failures.append(response.text)
        except httpx.HTTPError as error:
            self.result.failures.append(repr(error))
        self.result.latencies_ms.append((time.perf_counter() - started) * 1000)


def processor_s(server: ServerProcess) -> float:
    """Seconds of processor time that the server has taken."""
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


def lag_buckets(server: ServerProcess) -> dict[float, float]:
    """The number of times that the event loop was late, for each bucket of milliseconds in its metrics."""
    page = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {server.admin_key}"}, timeout=60).text
    found = re.findall(r'^cabinet_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', page, re.MULTILINE)
    return {float(most) * 1000: float(number) for most, number in found}


def p99_of(before: dict[float, float], after: dict[float, float]) -> float:
    """The bucket in which 99 of 100 of the later observations are."""
    counts = {most: number - before[most] for most, number in after.items()}
    return min(most for most, number in counts.items() if number >= 0.99 * counts[float("inf")])


def open_connections(server: ServerProcess) -> int:
    """The number of connections that the server has to its port."""
    port = int(server.url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # 01: established; 08: the client has closed it, the server has not.
    return sum(1 for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] in ("01", "08"))


def attack(server: ServerProcess, target: Target, key: str, name: str, seconds: float) -> Result:
    """Run one attack while the other client asks, then wait until the server is as it was."""
    result = Result(name)
    result.start_mb = result.peak_mb = server.memory_mb()
    busy_before_s = processor_s(server)
    before, lag_before = open_connections(server), lag_buckets(server)
    measured = Measured(server, key, result)
    measured.start()
    process = multiprocessing.get_context("spawn").Process(target=run_attack, args=(name, target, seconds))
    process.start()
    process.join(seconds + 60)
    if process.is_alive():
        process.kill()
        process.join()
    ended = time.monotonic()
    result.busy_s = processor_s(server) - busy_before_s
    result.lag_ms = p99_of(lag_before, lag_buckets(server))
    while time.monotonic() < ended + BACK_S:
        result.left_mb = server.memory_mb()
        # The client that is measured has two connections of its own.
        if result.left_mb <= result.start_mb + SLACK_MB and open_connections(server) <= before + 2:
            result.back_s = time.monotonic() - ended
            break
        time.sleep(0.5)
    measured.finished.set()
    measured.join()
    return result


def run(
    names: list[str], seconds: float, connections: int, cabinet: str | None = None, document_bytes: int = 31 * 2**20
) -> list[Result]:
    """Run these attacks in sequence against one server."""
    if cabinet is not None:
        CABINET[:] = [cabinet]
    # Nothing is ingested: the memory of the parsers and of the embedding is another matter.
    with ServerProcess({"CABINET_WORKER_CONCURRENCY": "0"}) as server:
        key, stranger = server.user("quiet@example.com"), server.user("stranger@example.com")
        with server.client(stranger, timeout_s=60) as client:
            response = client.post(
                "/documents", files={"file": ("large.txt", b"0123456789abcdef" * (document_bytes // 16))}
            )
            response.raise_for_status()
            target = Target(server.url, stranger, str(response.json()["id"]), connections, document_bytes)
            # The first requests load what the server loads once: among others, the embedding model.
            client.post("/search", json={"query": "warm"}).raise_for_status()
            client.get(f"/documents/{target.document_id}/content").raise_for_status()
        time.sleep(2)
        results = []
        for name in names:
            results.append(attack(server, target, key, name, seconds))
            print(results[-1].line(), *results[-1].failures[:2], sep="\n    ", flush=True)
        return results


def main() -> int:
    """Run the campaign; returns 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of each attack")
    parser.add_argument("--connections", type=int, default=10_000, help="connections of the attacks that open many")
    parser.add_argument("--only", action="append", choices=sorted(ATTACKS), help="only this attack; repeatable")
    parser.add_argument("--cabinet", help="the command of another installation, to compare with")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(options.connections, max(soft, hard) - 200)
    print(f"{connections} connections, load of the machine {os.getloadavg()[0]:.1f}\n{HEADING}")
    results = run(options.only or list(ATTACKS), options.seconds, connections, options.cabinet)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    return 1 if any(result.faults() for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
