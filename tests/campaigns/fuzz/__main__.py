"""Sends unexpected input to a server, for some minutes, and counts the answers.

    make fuzz MINUTES=5 [SEED=…]

Four parts, one after the other, against a real server with a worker: Schemathesis over `/openapi.json`, a state machine
of two users, mutated files through the sandbox, and almost-HTTP at the socket. A campaign fails if an answer is a 5xx
without a reason (503 says when to try again), if a check fails, or if the event loop is held for too long.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from tests.campaigns.fuzz.files import fuzz_files
from tests.campaigns.fuzz.raw_bytes import fuzz_socket
from tests.campaigns.fuzz.schema import fuzz_schema
from tests.campaigns.fuzz.two_collectors import TwoCollectors
from tests.campaigns.fuzz.two_users import TwoUsers, run_machine
from tests.conftest import ADMIN_KEY, test_settings
from tests.loop_lag import Lag, LagServer

MOST_LAG_MS = 50.0
# 501 and 505 are for an unknown method or version of HTTP.
EXPLAINED = {"501", "503", "505"}
SHARES = {"schema": 0.4, "users": 0.25, "files": 0.25, "socket": 0.1}
STEPS = 50


def main() -> int:
    """Run the campaign and print its table; returns 1 if it failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="repeats the choices of an earlier run")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="cabinet-fuzz-"))
    folder.chmod(0o755)
    with asyncio.Runner() as runner:
        server = runner.run(start_embedded(folder / "data", "18"))
        try:
            runner.run(apply_migrations(test_settings(), server.url))
            with LagServer(server.url) as target:
                return campaign(runner, target, seed, options.minutes * 60, folder)
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


def campaign(runner: asyncio.Runner, target: LagServer, seed: int, seconds: float, folder: Path) -> int:
    """Run the four parts against a server; return the exit code."""
    table = Table("part", "inputs", "results", "loop held, ms", "unexplained")
    unexplained: list[str] = []
    with httpx.Client(base_url=target.url, timeout=120) as client:
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        made = client.post("/users", json={"email": "fuzz@example.org"}, headers=admin).json()
        user = {"Authorization": f"Bearer {made['api_key']}"}
        target.lag()

        print("— Schemathesis, as a user and as the admin who acts for one", flush=True)
        share = int(seconds * SHARES["schema"] / 2) + 1
        counts, is_good = fuzz_schema(target.url, user, seed, share, folder)
        acting = {**admin, "Cabinet-User": made["user"]["id"]}
        as_admin, is_also_good = fuzz_schema(target.url, acting, seed, share, folder)
        unexplained += [] if is_good and is_also_good else ["Schemathesis: see above"]
        unexplained += _report(table, "schema", counts + as_admin, target.lag())

        print("— two users", flush=True)
        until, number = time.monotonic() + seconds * SHARES["users"], 0
        while time.monotonic() < until:
            run_machine(TwoCollectors, client, ADMIN_KEY, seed + number, examples=5, steps=STEPS)
            number += 1
        unexplained += _report(table, "two users", TwoUsers.operations, target.lag())

        print("— files", flush=True)
        outcome = runner.run(fuzz_files(seed, time.monotonic() + seconds * SHARES["files"]))
        unexplained += outcome.wrong
        _report(table, f"files (longest {outcome.longest_s:.1f} s)", outcome.counts, None)

        print("— the socket", flush=True)
        counts = fuzz_socket(target.url, made["api_key"], seed, time.monotonic() + seconds * SHARES["socket"])
        unexplained += _report(table, "socket", counts, target.lag())
        assert client.get("/health/ready").status_code == 200
    Console(width=160).print(table)
    for one in unexplained:
        print(f"not explained: {one}")
    return int(bool(unexplained))


def _report(table: Table, part: str, counts: Counter[str], lag: Lag | None) -> list[str]:
    """Add a row to the table; return its violations."""
    wrong = [
        f"{part}: {count} x {name}"
        for name, count in counts.items()
        if (status := name.rpartition(" ")[2]).startswith("5") and status not in EXPLAINED
    ]
    held = ""
    if lag is not None:
        held = f"{lag.loop_ms:.0f} (wall {lag.wall_ms:.0f})"
        if lag.loop_ms > MOST_LAG_MS:
            wrong.append(f"{part}: the loop was held for {lag.loop_ms:.0f} ms in {lag.where}")
    results = ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
    table.add_row(part, f"{counts.total():,}", results, held, str(len(wrong)))
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
