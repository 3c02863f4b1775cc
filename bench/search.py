"""Measures searches of tenants of several sizes in one large table: each lane, the service's choice, plain pgvector,
and a query that cannot use the index.

    python -m bench.search                                     synthetic vectors, 500,000 x 1,536, about 25 minutes
    python -m bench.search --dimensions 384 --rows 200000
    python -m bench.search --scifact FOLDER                    real abstracts and claims, MiniLM, 384 dimensions
    python -m bench.search --texts /usr/share/doc/python3.11   real passages, the local model, 256 dimensions

The times are from the statement's call with the query's vector to its rows, over a Unix socket, including planning. The
variants are measured in turn, twenty searches each after a warm-up of 60 ms. Recall is the share of the exact lane's
nearest that a variant found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import click
import numpy as np
from numpy.typing import NDArray
from pgvector.asyncpg import register_vector
from rich.progress import Progress

from bench.machine import describe_machine
from bench.plans import explain
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report, plot_lines
from bench.servers import MEMORY_MB, benchmark_database, benchmark_server, benchmark_settings
from bench.texts import PASSAGE_WORDS, RealVectors, passage_vectors, scifact_vectors
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant, create_tenant
from svc.calibration.timing import Times, interleaved
from svc.database.queries import Database
from svc.search.filters import Filters
from svc.search.index_plan import planned_steps
from svc.search.lanes import Search, TenantSize, run_search
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings
from svc.vectors.signatures import index_candidates, signatures

SQL = Path(__file__).parent / "sql"
SIZES = (100, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 200_000)
SHORT_SIZES = (100, 1_000, 2_500, 6_000)
FILLERS = 64
QUERIES = 200
NEAREST, MANY = 10, 100
# Consecutive searches of a variant.
BLOCK = 20
# Filters that keep one document in this number.
KEPT_ONE_IN = (2, 10, 100, 1000)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """The vectors and the queries: `next_vectors(count)` returns vectors, `queries` has shape (count, dimensions)."""

    source: str
    dimensions: int
    next_vectors: Callable[[int], Vectors]
    queries: Vectors


@dataclass(frozen=True)
class Plain:
    """Connections to the usual table: with defaults, with iterative scans, and for the query without an index."""

    off: Any
    iterative: Any


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.option("--dimensions", default=1536, show_default=True, help="Made-up vectors.")
@click.option("--rows", default=500_000, show_default=True, help="Rows of all tenants in the table.")
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True, help="Sizes of the measured tenants.")
@click.option("--rounds", default=200, show_default=True, help="Measured searches of each variant.")
@click.option("--scifact", type=click.Path(exists=True, path_type=Path), help="Folder of SciFact: real vectors.")
@click.option("--texts", type=click.Path(exists=True, path_type=Path), help="Folder of texts: real vectors.")
@click.option("--words", default=PASSAGE_WORDS, show_default=True, help="Words of a passage of these texts.")
@click.option(
    "--plain/--no-plain", default=True, help="Also measure plain pgvector, whose index takes the longest to build."
)
@click.option("--memory-mb", default=2 * MEMORY_MB, show_default=True, help="shared_buffers of the server.")
@click.option("--short", is_flag=True, help="10,000 rows of 256 dimensions, under a minute.")
@click.option("--folder", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(
    *, dimensions: int, rows: int, sizes: str, rounds: int, scifact: Path | None, texts: Path | None, words: int,
    plain: bool, memory_mb: int, short: bool, folder: Path,
) -> None:  # fmt: skip
    """Read the flags and run."""
    wanted = [int(size) for size in sizes.split(",")]
    if short:
        dimensions, rows, wanted, rounds, memory_mb = 256, 10_000, list(SHORT_SIZES), 20, 256
    asyncio.run(_run(dimensions, rows, wanted, rounds, scifact, texts, words, plain, memory_mb, folder))


async def _run(
    dimensions: int, rows: int, sizes: list[int], rounds: int, scifact: Path | None, texts: Path | None, words: int,
    plain: bool, memory_mb: int, folder: Path,
) -> None:  # fmt: skip
    material = await _material(dimensions, scifact, texts, words)
    if scifact or texts:
        rows = min(rows, 4 * max(sizes))
    settings = benchmark_settings(material.dimensions)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(benchmark_server(memory_mb=memory_mb))
        database = await stack.enter_async_context(benchmark_database(url, settings))
        progress = stack.enter_context(quiet_progress())
        tenants = await _load(database, material, sizes, rows, progress)
        await _build_indexes(database, url, settings, progress)
        connections = await _plain(stack, url, material.dimensions, progress) if plain else None
        async with database.pool.connection() as connection:
            await connection.execute("vacuum analyze")
            machine = await describe_machine(connection)
        name = f"search-{'scifact' if scifact else 'texts' if texts else material.dimensions}"
        measured = _Measurement(database, settings, material, connections, rounds, folder, name, machine)
        await measured.run(tenants, rows, progress)


async def _material(dimensions: int, scifact: Path | None, texts: Path | None, words: int) -> Material:
    if scifact is None and texts is None:
        seeds = iter(range(1, 1_000_000))
        return Material(
            "made-up vectors", dimensions,
            lambda count: synthetic_vectors(count, dimensions, next(seeds)),
            synthetic_vectors(QUERIES, dimensions, 0),
        )  # fmt: skip
    real: RealVectors = scifact_vectors(scifact) if scifact else await passage_vectors(texts or Path(), words)
    random = np.random.default_rng(11)
    order: list[int] = []

    def draw(count: int) -> Vectors:
        # A tenant gets each vector at most once, until it has all of them.
        nonlocal order
        if len(order) < count:
            order = [*order, *random.permutation(len(real.stored))]
        taken, order = order[:count], order[count:]
        return real.stored[taken]

    return Material(real.source, real.stored.shape[1], draw, real.queries[:QUERIES])


async def _load(
    database: Database, material: Material, sizes: Sequence[int], rows: int, progress: Progress
) -> list[MadeUpTenant]:
    """The measured tenants, each stored among eight others, so that their rows are scattered as in practice."""
    bar = progress.add_task("loading", total=rows)
    advance = partial(step, progress, bar)
    tenants = []
    filler = max(0, rows - sum(sizes)) // FILLERS
    for number, size in enumerate(sizes):
        tenants.append(await create_tenant(database, f"measured-{size}", size, material.next_vectors, advance))
        for other in range(FILLERS // len(sizes)):
            if filler:
                await create_tenant(database, f"filler-{number}-{other}", filler, material.next_vectors, advance)
    return tenants


async def _build_indexes(database: Database, url: str, settings: Settings, progress: Progress) -> None:
    builder = await IndexBuilder.open(url, database.statements)
    try:
        steps = await planned_steps(database, settings.index_min_rows, settings.index_max_count)
        bar = progress.add_task("tenants' own indexes", total=len(steps))
        for change in steps:
            await builder.apply(change)
            step(progress, bar)
    finally:
        await builder.close()


async def _plain(stack: AsyncExitStack, url: str, dimensions: int, progress: Progress) -> Plain:
    bar = progress.add_task("plain pgvector: table and index", total=3)
    opened = []
    for scan in ("off", "strict_order"):
        connection = await asyncpg.connect(url, server_settings={"hnsw.iterative_scan": scan, "jit": "off"})
        stack.push_async_callback(connection.close)
        await register_vector(connection)
        opened.append(connection)
    for name in ("plain_tables", "plain_rows", "plain_indexes"):
        await opened[0].execute((SQL / f"{name}.sql").read_text().replace(":dimensions", str(dimensions)))
        step(progress, bar)
    return Plain(*opened)


class _Measurement:
    """The variants on one table, with their figures and files."""

    def __init__(
        self, database: Database, settings: Settings, material: Material, plain: Plain | None, rounds: int,
        folder: Path, name: str, machine: str,
    ) -> None:  # fmt: skip
        self._database = database
        self._settings = settings
        self._material = material
        self._plain = plain
        self._rounds = rounds
        self._folder = folder
        self._name = name
        self._machine = machine
        self._index_min_rows = settings.index_min_rows

    async def run(self, tenants: Sequence[MadeUpTenant], rows: int, progress: Progress) -> None:
        """Measure every tenant, without and with filters, and write the results."""
        title = f"{self._material.source}, {self._material.dimensions} dimensions, {rows:,} rows in the table"
        columns = ("tenant", "variant", "p50 ms", "p95 ms", "recall@10", "recall@100", "rounds", "lane")
        report = Report(self._name, self._folder, columns, self._machine)
        filtered = Report(
            f"{self._name}-filters", self._folder,
            ("tenant", "keeps 1 in", "p50 ms", "p95 ms", "recall@10", "exact p50 ms", "lane"), self._machine,
        )  # fmt: skip
        bar = progress.add_task("measuring", total=len(tenants))
        lines: dict[str, list[tuple[float, float]]] = {}
        for tenant in tenants:
            times, lanes = await self._measure(tenant)
            many = await self._recall_of_many(tenant, times)
            for variant, measured in times.items():
                recall = _recall(measured.results, times["exact"].results, NEAREST)
                report.add(
                    tenant.size, variant, measured.p50, measured.p95, recall, many.get(variant),
                    len(measured.milliseconds), lanes.get(variant),
                )  # fmt: skip
                lines.setdefault(variant, []).append((tenant.size, measured.p50))
            await self._write_plans(report, tenant)
            await self._measure_filters(filtered, tenant)
            step(progress, bar)
        progress.stop()
        report.write(title)
        filtered.write(f"Filters on {title}")
        plot_lines(
            self._folder / f"{self._name}.svg", f"One search, ten results: {title}", "vectors of the tenant",
            "p50, milliseconds in the database", lines, bound=1.5,
        )  # fmt: skip

    async def _measure(self, tenant: MadeUpTenant) -> tuple[dict[str, Times], dict[str, str]]:
        lanes: dict[str, str] = {}
        variants = {
            "router": self._lane(tenant, self._size(tenant), None, lanes, "router"),
            "exact": self._lane(tenant, self._size(tenant), "exact", lanes, "exact"),
            "bits": self._lane(tenant, TenantSize(tenant.size, has_index=False), "bits", lanes, "bits"),
        }
        if self._size(tenant).has_index:
            variants["index"] = self._lane(tenant, self._size(tenant), "index", lanes, "index")
        if self._plain is not None:
            variants |= {
                "plain pgvector": self._usual(self._plain.off, "plain_search", tenant),
                "plain, iterative scan": self._usual(self._plain.iterative, "plain_search", tenant),
                "ORDER BY 1 - distance": self._usual(self._plain.off, "seed_search", tenant),
            }
        return await interleaved(variants, self._rounds, warm_up=3, limit_s=6, block=BLOCK), lanes

    def _size(self, tenant: MadeUpTenant) -> TenantSize:
        return TenantSize(tenant.size, has_index=tenant.size >= self._index_min_rows)

    def _search(self, tenant: MadeUpTenant, number: int, limit: int = NEAREST) -> Search:
        query = self._material.queries[number % len(self._material.queries)]
        return Search(tenant.user_id, query, limit, "cosine", None, Filters())

    def _lane(
        self, tenant: MadeUpTenant, size: TenantSize, lane: str | None, lanes: dict[str, str], variant: str,
        filters: Filters | None = None, limit: int = NEAREST,
    ) -> Callable[[int], Any]:  # fmt: skip
        """A variant that uses one lane, or the service's choice; it records the lane that answered."""
        exact_rows = self._settings.exact_rows if lane is None else 0

        async def search(number: int) -> list[UUID]:
            wanted = replace(
                self._search(tenant, number, limit), is_exact=lane == "exact", filters=filters or Filters()
            )
            found = await run_search(self._database, wanted, size, exact_rows)
            lanes[variant] = found.lane
            return [row.chunk_id for row in found.rows]

        return search

    def _usual(self, connection: Any, name: str, tenant: MadeUpTenant, limit: int = NEAREST) -> Callable[[int], Any]:
        text = (SQL / f"{name}.sql").read_text()

        async def search(number: int) -> list[UUID]:
            query = self._material.queries[number % len(self._material.queries)]
            return [row["chunk_id"] for row in await connection.fetch(text, tenant.user_id, query, limit)]

        return search

    async def _recall_of_many(self, tenant: MadeUpTenant, times: Mapping[str, Times]) -> dict[str, float]:
        """Recall of the hundred nearest, over thirty queries, for the variants that are not always exact."""
        if tenant.size < MANY:
            return {}
        size, lanes = self._size(tenant), dict[str, str]()
        variants = {
            "exact": self._lane(tenant, size, "exact", lanes, "exact", limit=MANY),
            "router": self._lane(tenant, size, None, lanes, "router", limit=MANY),
            "bits": self._lane(tenant, replace(size, has_index=False), "bits", lanes, "bits", limit=MANY),
            "index": self._lane(tenant, size, "index", lanes, "index", limit=MANY),
        }
        if self._plain is not None:
            variants |= {
                "plain pgvector": self._usual(self._plain.off, "plain_search", tenant, MANY),
                "plain, iterative scan": self._usual(self._plain.iterative, "plain_search", tenant, MANY),
            }
        kept = {name: variant for name, variant in variants.items() if name in times}
        found = await interleaved(kept, 30, warm_up=0, limit_s=20)
        return {name: _recall(each.results, found["exact"].results, MANY) for name, each in found.items()}

    async def _measure_filters(self, report: Report, tenant: MadeUpTenant) -> None:
        """The service's choice with filters that keep fewer and fewer documents, compared with the exact lane."""
        for one_in in KEPT_ONE_IN:
            if tenant.size / one_in < NEAREST:
                continue
            filters, lanes = Filters(metadata={f"of_{one_in}": 1}), dict[str, str]()
            variants = {
                "router": self._lane(tenant, self._size(tenant), None, lanes, "router", filters),
                "exact": self._lane(tenant, self._size(tenant), "exact", lanes, "exact", filters),
            }
            times = await interleaved(variants, min(40, self._rounds), warm_up=3, limit_s=4, block=BLOCK)
            report.add(
                tenant.size, one_in, times["router"].p50, times["router"].p95,
                _recall(times["router"].results, times["exact"].results, NEAREST), times["exact"].p50, lanes["router"],
            )  # fmt: skip

    async def _write_plans(self, report: Report, tenant: MadeUpTenant) -> None:
        query = self._search(tenant, 0)
        for name, arguments in self._plan_arguments(tenant, query).items():
            async with self._database.pool.connection() as connection:
                plan = await explain(connection, self._database.statements[name].text, arguments)
            report.write_plan(f"{tenant.size}.{name.split('/')[1]}", plan)
        if self._plain is None:
            return
        for name in ("plain_search", "seed_search"):
            arguments = (tenant.user_id, query.embedding, NEAREST)
            plan = await explain(self._plain.off, (SQL / f"{name}.sql").read_text(), arguments)
            report.write_plan(f"{tenant.size}.{name}", plan)

    def _plan_arguments(self, tenant: MadeUpTenant, query: Search) -> dict[str, tuple[Any, ...]]:
        none = tuple(Filters().arguments.values())
        signature = signatures(query.embedding[np.newaxis])[0]
        arguments: dict[str, tuple[Any, ...]] = {
            "search/exact": (tenant.user_id, query.embedding, "cosine", None, *none, NEAREST),
            "search/bits": (tenant.user_id, query.embedding, signature, 100, None, *none, NEAREST),
        }
        if self._size(tenant).has_index:
            kept = tuple(Filters(metadata={"of_10": 1}).arguments.values())
            candidates = index_candidates(len(query.embedding))
            arguments["search/index"] = (tenant.user_id, query.embedding, signature, candidates, NEAREST)
            arguments["search/index_filtered"] = (
                tenant.user_id, query.embedding, signature, 2 * candidates, 25_000, None, *kept, NEAREST,
            )  # fmt: skip
        return arguments


def _recall(found: Sequence[Sequence[UUID]], nearest: Sequence[Sequence[UUID]], limit: int) -> float:
    """The share of the nearest that were found, over the rounds of both."""
    shares = [len({*one} & {*other}) / min(limit, len(other)) for one, other in zip(found, nearest, strict=False)]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
