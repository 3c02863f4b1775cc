"""Attacks a real `cabinet serve` as clients without a key, and measures how another client is served meanwhile.

    python -m tests.campaigns.strangers [--seconds 20] [--connections 10000] [--only NAME] [--cabinet PATH]

Each attack runs in a process of its own, from the same address as the client that is measured, which also has a process
of its own: `GET /me`, over a connection that is kept and over new ones. Its p99 must be at most 250 ms and all its
answers 200, the server's memory at most 400 MB, and within a minute after the attack memory and connections must be
back where they were.

Strangers do not run on the server's machine. So the attack gives way to the server and to the measured client: it takes
the processors only while they need none. Other programs on the machine do not; where there are some, give the server
and the measured client real-time priority, which the attack gives up: `sudo chrt --rr 1 make strangers`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.campaigns.hostile import ATTACKS, Target, run_attack
from tests.campaigns.quiet import ask_until
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
    served_ms: float = 0.0
    """The p99 of the server's own time for `GET /me`, from the complete request on."""
    busy_s: float = 0.0
    """The processor time that the server took."""
    refused: int = 0
    """The number of connections and requests that the server refused or ended."""
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
            f"{self.served_ms:7.0f} {self.lag_ms:7.0f} {self.busy_s:6.1f} {self.refused:8} {len(self.failures):7} "
            f"{self.start_mb:7.0f} {self.peak_mb:7.0f} {self.left_mb:7.0f}"
        )
        return f"{self.name:16} {numbers} {back:>6}  {', '.join(self.faults()) or 'holds'}"


HEADING = (
    "attack            asked   p99 ms    worst  server  lag ms busy s  refused  failed      MB    peak   after   back"
)
LAG = ("cabinet_loop_lag_seconds",)
SERVED = ("cabinet_request_seconds", ',method="GET",route="/me"')


def processor_s(server: ServerProcess) -> float:
    """Seconds of processor time that the server has taken."""
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


def metrics_page(server: ServerProcess) -> str:
    """The server's metrics."""
    access = {"Authorization": f"Bearer {server.admin_key}"}
    return httpx.get(f"{server.url}/metrics", headers=access, timeout=60).text


def buckets(page: str, name: str, labels: str = "") -> dict[float, float]:
    """A histogram: the number of observations up to each bucket's milliseconds."""
    found = re.findall(rf'^{name}_bucket\{{le="([^"]+)"{re.escape(labels)}\}} (\S+)', page, re.MULTILINE)
    return {float(most) * 1000: float(number) for most, number in found}


def p99_of(before: dict[float, float], after: dict[float, float]) -> float:
    """The bucket in which 99 of 100 of the later observations are; 0 without any."""
    counts = {most: number - before.get(most, 0) for most, number in after.items()}
    return min((most for most, number in counts.items() if number >= 0.99 * counts[float("inf")]), default=0)


def refused(page: str) -> int:
    """The number of connections and requests that the server has refused or ended."""
    return round(sum(map(float, re.findall(r"^cabinet_connections_refused_total\{[^}]*\} (\S+)", page, re.MULTILINE))))


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
    before, page_before = open_connections(server), metrics_page(server)
    processes = multiprocessing.get_context("spawn")
    answers, finished = processes.Queue(), processes.Event()
    asking = processes.Process(target=ask_until, args=(target.url, key, finished, answers))
    attacking = processes.Process(target=run_attack, args=(name, target, seconds))
    for process in (asking, attacking):
        process.start()
    deadline = time.monotonic() + seconds + 60
    while attacking.is_alive() and time.monotonic() < deadline:
        result.peak_mb = max(result.peak_mb, server.memory_mb())
        attacking.join(0.1)
    if attacking.is_alive():
        attacking.kill()
        attacking.join()
    ended = time.monotonic()
    result.busy_s = processor_s(server) - busy_before_s
    page = metrics_page(server)
    result.lag_ms = p99_of(buckets(page_before, *LAG), buckets(page, *LAG))
    result.served_ms = p99_of(buckets(page_before, *SERVED), buckets(page, *SERVED))
    result.refused = refused(page) - refused(page_before)
    while time.monotonic() < ended + BACK_S:
        result.left_mb = server.memory_mb()
        # The client that is measured has two connections of its own.
        if result.left_mb <= result.start_mb + SLACK_MB and open_connections(server) <= before + 2:
            result.back_s = time.monotonic() - ended
            break
        time.sleep(0.5)
    finished.set()
    result.latencies_ms, result.failures = answers.get(timeout=60)
    asking.join()
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
