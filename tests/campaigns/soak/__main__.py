"""Serves mixed requests at half of the maximum rate for a long time, and checks for growth and slowdowns.

    python -m tests.campaigns.soak [--minutes 60] [--users 16]

A real server and a real worker work on an embedded PostgreSQL. The users upload, search, read, append messages and ask
for turns; what they own stays of one size. First, they show the best rate. Then they send half of it. The memory and
the open files of server, worker and parsers may grow by 5 %, after a warm-up of a fifth of the time; the p99 of each
minute may be three times that of the first; no request may fail. The exit code is 1 if one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tests.campaigns.chaos.programs import Program
from tests.campaigns.soak.samples import Samples, broken_promises
from tests.campaigns.soak.traffic import Timed, Traffic
from tests.server_process import ServerProcess

_PROBE_S = 20.0
_SAMPLED_EACH_S = 2.0


async def soak(minutes: float, users: int, probe_s: float = _PROBE_S) -> list[str]:
    """Run the campaign and print its measurements; returns the broken promises."""
    with ServerProcess({"CABINET_WORKER_CONCURRENCY": "0"}) as server:
        keys = [await asyncio.to_thread(server.user, f"soak{number}@example.com") for number in range(users)]
        folder = Path(server.folder)
        worker = Program("worker", "worker", "waits for documents", folder, {"CABINET_DATA_DIR": str(folder / "data")})
        assert await worker.start(), worker.log_end()
        traffic = Traffic(server.url, keys)
        samples = Samples()
        roots = {"server": server.process.pid, "worker": worker.lives[-1].pid}
        try:
            await traffic.prepare()
            best = await traffic.best_rate(probe_s)
            print(f"{best:.0f} requests a second at best, load of the machine {os.getloadavg()[0]:.1f}", flush=True)
            sampling = asyncio.create_task(_sample(samples, roots, minutes * 60))
            stretches = await traffic.send(best / 2, minutes * 60, min(60.0, minutes * 60 / 3))
            sampling.cancel()
        finally:
            await traffic.close()
            await worker.terminate(20)
    _print(samples, stretches)
    return [*broken_promises(samples, stretches), *worker.faults]


async def _sample(samples: Samples, roots: dict[str, int], seconds: float) -> None:
    while True:
        await asyncio.to_thread(samples.take, roots)
        await asyncio.sleep(min(_SAMPLED_EACH_S, seconds / 40))


def _print(samples: Samples, stretches: list[Timed]) -> None:
    print(f"{sum(len(each.seconds) for each in stretches)} answers; p99 of each minute in ms:")
    print("    " + " ".join(f"{each.p99_ms:.0f}" for each in stretches))
    for name, (before, after) in samples.growth().items():
        print(f"{name}: {before:.0f} at first, {after:.0f} at the end ({after / max(before, 1) - 1:+.1%})")


def main() -> int:
    """Run the campaign; returns 1 if a promise was broken."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--users", type=int, default=16)
    options = parser.parse_args()
    broken = asyncio.run(soak(options.minutes, options.users))
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    print("\n".join(broken) if broken else "the promises hold")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
