"""Measures the lanes of a search against each other, tenant by tenant, through the routes.

    python -m tests.campaigns.lanes [--sizes 2000 5000 10000 20000 50000]

Vectors of 256 dimensions with twelve topics and 24 directions within a topic; every tenant in one table. Each search
is timed from the request to its answer, without a network; recall is the share of the exact lane's ten results.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from rich.console import Console
from rich.table import Table

from svc.database.embedded import start_embedded
from svc.database.migrate import apply_migrations
from svc.database.own_indexes import IndexBuilder, planned_steps
from tests.conftest import Service, running_service, test_settings
from tests.routes.tenants import Tenant, new_tenant
from tests.search.corpus import store
from tests.search.test_bits import clustered_vectors

LIMIT = 10
QUERIES = clustered_vectors(60, 999).astype(np.float32)


async def main() -> None:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 10_000, 20_000, 50_000])
    sizes = parser.parse_args().sizes
    folder = Path(tempfile.mkdtemp(prefix="cabinet-lanes-"))
    folder.chmod(0o755)
    server = await start_embedded(folder, "18")
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=60, statement_timeout_s=60)
    table = Table("vectors", "exact p50 / p95 ms", "bits", "recall", "index", "recall", "built in s")
    try:
        await apply_migrations(settings, server.url)
        async with running_service(settings, server.url) as service:
            for size in sizes:
                table.add_row(f"{size:,}", *await measure(service, size))
    finally:
        server.stop()
        shutil.rmtree(folder)
    Console().print(table)


async def measure(service: Service, size: int) -> list[str]:
    """The cells of one tenant."""
    tenant = await new_tenant(service)
    for number in range(size // 1000):
        await store(tenant, clustered_vectors(1000, 100 * size + number), number)
    await vacuum(service)
    # The size of the tenant is cached with the key, from when it was empty.
    service.services.authenticator.forget(UUID(tenant.id))
    exact, nearest = await searches(tenant, "exact", recall="exact")
    bits, by_bits = await searches(tenant, "bits")
    started = time.perf_counter()
    builder = await IndexBuilder.open(service.url, service.services.database.statements)
    for step in await planned_steps(service.services.database, size):
        await builder.apply(step)
    await builder.close()
    built_s = time.perf_counter() - started
    service.services.authenticator.forget(UUID(tenant.id))
    index, by_index = await searches(tenant, "index")
    return [exact, bits, recall(by_bits, nearest), index, recall(by_index, nearest), f"{built_s:.1f}"]


async def vacuum(service: Service) -> None:
    """Do at once what autovacuum does soon after an ingestion."""
    connection = await asyncpg.connect(service.url)
    for name in ("chunk_vectors", "chunks", "documents"):
        await connection.execute(f"vacuum analyze {name}")
    await connection.close()


async def searches(tenant: Tenant, lane: str, **options: str) -> tuple[str, list[set[str]]]:
    """Median and 95th percentile of the queries, and what each found."""
    times, found = [], []
    for query in QUERIES:
        started = time.perf_counter()
        answer = (await tenant.post("/search", json={"embedding": query.tolist(), "limit": LIMIT, **options})).json()
        times.append((time.perf_counter() - started) * 1000)
        assert answer["lane"] == lane
        found.append({result["chunk_id"] for result in answer["results"]})
    times.sort()
    return f"{times[len(times) // 2]:.1f} / {times[int(len(times) * 0.95)]:.1f}", found


def recall(found: list[set[str]], nearest: list[set[str]]) -> str:
    """The share of the nearest that were found."""
    return f"{np.mean([len(one & other) / LIMIT for one, other in zip(found, nearest, strict=True)]):.3f}"


if __name__ == "__main__":
    asyncio.run(main())
