"""Runs many random searches on every lane, and compares each with the result of NumPy for the same chunks.

    python -m tests.campaigns.properties [--examples 5000] [--version 18]

Five structures of vectors (clustered, random, repeated, whole numbers, hardly any), two tenants each with the same
vectors, one of them with an index of their own. Any combination of filters, threshold, metric and limit, other ones in
every run; a failure is shown as the smallest search that fails. The recalls are shares of the nearest by cosine.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import tempfile
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from tests.conftest import running_service, test_settings
from tests.search.properties import LANES, LEAST_RECALL, NO_OTHER_PLAN, Tally, compare, make_twins


def main() -> int:
    """Run the campaign and print its table; returns 1 if a recall is too low."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=5000, help="searches on each lane")
    parser.add_argument("--version", choices=["16", "18"], default="18", help="of the server")
    options = parser.parse_args()
    # That the index has not as many rows as asked for is meant to happen here.
    logging.getLogger("svc.search.lanes").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="cabinet-properties-"))
    folder.chmod(0o755)
    with asyncio.Runner() as runner:
        server = runner.run(start_embedded(folder, options.version))
        try:
            tallies = run(runner, server.url, options.examples)
        finally:
            server.stop()
            shutil.rmtree(folder)
    Console().print(table_of(tallies))
    return int(any(recall < LEAST_RECALL for tally in tallies.values() for recall in tally.recalls().values()))


def run(runner: asyncio.Runner, url: str, examples: int) -> dict[str, Tally]:
    """The results of each lane."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    runner.run(prepare(url))
    context = running_service(settings, url)
    service = runner.run(context.__aenter__())
    try:
        twins = runner.run(make_twins(service))
        return {lane: compare(runner.run, twins, lane, examples=examples, is_repeatable=False) for lane in LANES}
    finally:
        runner.run(context.__aexit__(None, None, None))


async def prepare(url: str) -> None:
    """Migrate the database, and leave its planner no plan but that of the index."""
    await apply_migrations(test_settings(), url)
    connection = await asyncpg.connect(url)
    database = await connection.fetchval("select current_database()")
    for name, value in NO_OTHER_PLAN.items():
        await connection.execute(f"alter database {database} set {name} = {value}")
    await connection.close()


def table_of(tallies: dict[str, Tally]) -> Table:
    """The lanes that answered, and the share of the nearest that they found."""
    table = Table("asked for", "answered by", "vectors", "recall", "rows")
    for lane, tally in tallies.items():
        answered = ", ".join(f"{name} {count:,}" for name, count in tally.lanes.most_common())
        table.add_row(lane, answered)
        for name, recall in sorted(tally.recalls().items()):
            table.add_row("", "", name, f"{recall:.4f}", f"{tally.wanted[name]:,}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
