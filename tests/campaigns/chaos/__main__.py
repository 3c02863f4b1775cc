"""Injects faults into two servers, two workers and a PostgreSQL while clients work, and checks the result.

    python -m tests.campaigns.chaos [--minutes 5] [--seed 7] [--storms] [--faults worker,COMMIT] [--list]

The faults are drawn by the seed, one to three at once: processes are killed and frozen, connections are reset, delayed
and swallowed, replies to COMMIT are dropped, the disk and the connections are used up, the embedding endpoint
misbehaves, commands are killed. With `--storms`, each fault is instead repeated for a minute, as often as possible.
Meanwhile clients upload, search, delete, replace and transfer documents and append messages, and keep a ledger of what
they were told. Afterwards the database is compared with the ledger: `invariants/*.sql`. Every answer must come within
its deadline, as a success, a refusal, or 503 with Retry-After. The exit code is 1 if anything does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import sys
import tempfile
import time

from tests.campaigns.chaos.campaign import Options, run
from tests.campaigns.chaos.faults import FAULTS
from tests.campaigns.chaos.report import report
from tests.campaigns.chaos.storms import STORMS
from tests.watchdog import MARK, TestRun


def main() -> int:
    """Run a campaign and print its report; returns 1 if a promise was broken."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="for faults; a minute more for start and end")
    parser.add_argument("--seed", type=int, default=None, help="of the faults and their times; default: random")
    parser.add_argument("--version", type=int, choices=[16, 18], default=18, help="of PostgreSQL")
    parser.add_argument("--tenants", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two requests of a client")
    parser.add_argument("--settle", type=float, default=120.0, help="seconds at most until all work must be done")
    parser.add_argument("--faults", default="", help="only those whose name contains one of these, with commas")
    parser.add_argument("--storms", action="store_true", help="thousands of faults: each is repeated for a minute")
    parser.add_argument("--list", action="store_true", help="list the faults")
    chosen = parser.parse_args()
    names = [name for name in chosen.faults.split(",") if name]
    faults = [
        fault
        for fault in (STORMS if chosen.storms else FAULTS)
        if not names or any(name in fault.name for name in names)
    ]
    if not faults:
        parser.error("no fault has such a name; --list lists them")
    if chosen.list:
        print("\n".join(fault.name for fault in faults))
        return 0
    seed = secrets.randbelow(10_000) if chosen.seed is None else chosen.seed
    options = Options(chosen.minutes, seed, chosen.version, chosen.tenants, chosen.pause, chosen.settle, faults)
    print(f"seed {seed}", flush=True)
    # Removes everything after this process has ended, even if it is killed.
    test_run = TestRun()
    os.environ |= {"TMPDIR": str(test_run.folder), MARK: str(test_run.folder)}
    tempfile.tempdir = str(test_run.folder)
    # The embedding endpoint reports each client that was killed.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    started_s = time.monotonic()
    try:
        result = asyncio.run(run(options, test_run.folder))
        print(report(result, seed, time.monotonic() - started_s))
        return int(bool(result.violations))
    except KeyboardInterrupt:
        return 130
    finally:
        test_run.end()


if __name__ == "__main__":
    sys.exit(main())
