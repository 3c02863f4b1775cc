"""Measures Cabinet against its peers on the same rows: Chroma's server, LanceDB and langchain-postgres.

    make bench-peers                                   100,000 rows of 1,536 dimensions
    make bench-peers ARGS="--rows 20000 --rounds 50"
    make bench-peers ARGS=--short                      5,500 rows of 256 dimensions, under two minutes

Every store contains the same tenants with the same vectors and texts, and returns the ten nearest of one tenant with
their texts and documents. The times are from the query's vector in Python to the numbers of the rows found. The
variants are measured in turn, search by search. Recall is the share of the ten nearest that NumPy finds. Rates are
those of concurrent clients in one process, which shares the machine with the servers.

Cabinet is measured twice. `statement` is `run_search` on the service's own pool, a statement over a Unix socket; it
is compared with LanceDB, which is a library, and with langchain-postgres, which sends statements over the same socket.
`http` is `POST /search` of a real `cabinet serve`, with its keys, checks and JSON; it is compared with Chroma's server.
The same lightweight client is used for both; the time of Chroma's own Python client is also shown.

Each peer is set up as its documentation recommends for searches within a tenant:

Chroma. "Distributed/Cloud Performance" (docs.trychroma.com/guides/performance/distributed) strongly encourages a
    collection for each customer; "Naive Multi-tenancy Strategies" (cookbook.chromadb.dev/strategies/multi-tenancy)
    describes that, as user-per-collection, and the filter on metadata, user-per-doc. Both are measured. "Configure
    Collections" (docs.trychroma.com/docs/collections/configure): HNSW for cosine with Chroma's default parameters, and
    also with `ef_search` 400 instead of 100. `chroma run` on a folder, as in "Running Chroma in client-server mode".
LanceDB. "Scalar Indexes" (docs.lancedb.com/indexing/scalar-index): a bitmap index on the tenant, as there are fewer
    than 1,000 values; "Filtering" (docs.lancedb.com/search/filtering): filter first. "Vector Indexes"
    (docs.lancedb.com/indexing/vector-index): where searches filter, IVF_RQ, or IVF_PQ up to 256 dimensions, a
    partition for 4,096 rows, a sub-vector for 8 dimensions, `nprobes` as LanceDB tunes it, and `refine_factor` for
    recall, here none, 10 and 50. The older page "Filtering" (lancedb.github.io/lancedb/sql) recommends not to use the
    index if a filter keeps few rows: `exhaustive`.
langchain-postgres. "PGVectorStore How-to" and "Migrate a PGVector vector store to PGVectorStore"
    (github.com/langchain-ai/langchain-postgres, examples): a separate column for metadata that is used in filters,
    and an HNSW index with its defaults. "Filtering" and "Iterative Index Scans" in pgvector's README
    (github.com/pgvector/pgvector), to which its documentation of indexes refers: an index on the filtered column,
    and as a second setting iterative scans with `ef_search` 200. Same server and memory as Cabinet.

The last table compares at equal recall, separately for each of Chroma's two strategies: for each peer its fastest
setting and, if that finds fewer rows than Cabinet does, also the fastest setting that finds as many (within 0.002),
or otherwise the one that finds most. If Cabinet found fewer rows than the setting beside it, the last column says so.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import asyncpg
import click
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import describe_machine
from bench.report import DEFAULT_FOLDER, Report, console, plot_lines
from bench.servers import MEMORY_MB, benchmark_server
from bench.stores import LIMIT, Answer, Query, Store, Tenant
from bench.stores.cabinet_store import HTTP, STATEMENT, CabinetStore, cabinet_store
from bench.stores.chroma_store import chroma_store
from bench.stores.lance_store import lance_store
from bench.stores.langchain_store import PYTHON, langchain_store
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.timing import Times, interleaved

SIZES = (100, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000)
SHORT_SIZES = (100, 1_000, 4_000)
FILLER_ROWS = 100
PEERS = ("chroma", "lancedb", "langchain")
WANTED = 5.0
"""The target: how many times as fast as Chroma and LanceDB Cabinet is at the median."""
EQUAL = 0.002
"""Recalls that differ by less than this count as equal: four of 2,000 results."""


@dataclass(frozen=True)
class Plan:
    """The parameters of a run."""

    dimensions: int
    rows: int
    sizes: Sequence[int]
    rounds: int
    clients: int
    load_s: float
    limit_s: float
    memory_mb: int
    peers: Sequence[str]
    output: Path


@dataclass(frozen=True)
class Measured:
    """The results of one setting of a store for one tenant."""

    store: str
    setting: str
    p50_ms: float
    p95_ms: float
    recall: float
    rate: float


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.option("--rows", default=100_000, show_default=True, help="Rows of all tenants.")
@click.option("--dimensions", default=1536, show_default=True)
@click.option(
    "--sizes",
    default=",".join(map(str, SIZES)),
    show_default=True,
    help="Rows of the measured tenants; tenants that do not fit into --rows are omitted.",
)
@click.option("--rounds", default=200, show_default=True, help="Measured searches of each setting for each tenant.")
@click.option("--clients", default=8, show_default=True, help="Concurrent clients for the rates.")
@click.option("--load-s", default=3.0, show_default=True, help="Seconds for the measurement of each rate.")
@click.option("--limit-s", default=20.0, show_default=True, help="Maximum seconds for a setting.")
@click.option("--memory-mb", default=MEMORY_MB, show_default=True, help="shared_buffers of the PostgreSQL server.")
@click.option("--peers", default=",".join(PEERS), show_default=True, help="The peers to compare with.")
@click.option("--short", is_flag=True, help="5,500 rows of 256 dimensions, under two minutes.")
@click.option("--output", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(
    *, rows: int, dimensions: int, sizes: str, rounds: int, clients: int, load_s: float, limit_s: float,
    memory_mb: int, peers: str, short: bool, output: Path,
) -> None:  # fmt: skip
    """Read the flags and run."""
    wanted = [int(size) for size in sizes.split(",")]
    if short:
        rows, dimensions, wanted, rounds, load_s, limit_s, memory_mb = 5_500, 256, list(SHORT_SIZES), 20, 0.3, 2.0, 256
    chosen = [peer for peer in peers.split(",") if peer]
    if unknown := set(chosen) - set(PEERS):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))}; the peers are {', '.join(PEERS)}", param_hint="--peers"
        )
    if "langchain" in chosen and not PYTHON.exists():
        raise click.ClickException(f"{PYTHON} is missing; `make bench-peers` creates it")
    plan = Plan(
        dimensions, rows, _fitting(sorted(wanted), rows), rounds, clients, load_s, limit_s, memory_mb, chosen, output
    )
    asyncio.run(_run(plan))


def _fitting(sizes: Sequence[int], rows: int) -> list[int]:
    """The smallest sizes whose sum does not exceed the number of rows."""
    fitting: list[int] = []
    for size in sizes:
        if sum(fitting) + size <= rows:
            fitting.append(size)
    return fitting


async def _run(plan: Plan) -> None:
    tenants, queries = made_up_tenants(plan), made_up_queries(plan)
    folder = Path(tempfile.mkdtemp(prefix="cabinet-bench-peers-"))
    try:
        async with AsyncExitStack() as stack:
            progress = stack.enter_context(
                Progress(
                    TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                    console=console,
                )
            )  # fmt: skip
            url = await stack.enter_async_context(benchmark_server(memory_mb=plan.memory_mb))
            cabinet, stores = await _open_stores(stack, plan, url, folder, tenants, queries, progress)
            machine = await _machine(url, plan)
            await _report_stores(plan, stores, machine)
            measured = [tenant for tenant in tenants if tenant.name.startswith("tenant-")]
            bench = _Bench(plan, cabinet, stores, queries, progress)
            results = {len(tenant.vectors): await bench.measure(tenant) for tenant in measured}
            lanes = {len(tenant.vectors): cabinet.lane(tenant) for tenant in measured}
        report(plan, results, lanes, machine)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def made_up_tenants(plan: Plan) -> list[Tenant]:
    """The measured tenants, with small ones between them up to this number of rows."""
    fillers, rest = divmod(plan.rows - sum(plan.sizes), FILLER_ROWS)
    small = [FILLER_ROWS] * fillers + ([rest] if rest else [])
    share = -(-len(small) // len(plan.sizes))
    tenants: list[Tenant] = []
    first = 0
    for place, size in enumerate(plan.sizes):
        for rows, name in [
            *((rows, f"other-{place}-{number}") for number, rows in enumerate(small[place * share :][:share])),
            (size, f"tenant-{size}"),
        ]:
            tenants.append(Tenant(name, first, synthetic_vectors(rows, plan.dimensions, seed=100 + len(tenants))))
            first += rows
    return tenants


def made_up_queries(plan: Plan) -> list[Query]:
    """One query for each round; none is a stored vector."""
    vectors = synthetic_vectors(max(plan.rounds, plan.clients), plan.dimensions, seed=2)
    return [Query(vector, [float(str(number)) for number in vector]) for vector in vectors]


async def _open_stores(
    stack: AsyncExitStack, plan: Plan, url: str, folder: Path, tenants: Sequence[Tenant], queries: Sequence[Query],
    progress: Progress,
) -> tuple[CabinetStore, list[Store]]:  # fmt: skip
    """Open and load the stores, one after another."""

    def bar(name: str) -> Callable[[int], None]:
        return partial(progress.advance, progress.add_task(f"loading {name}", total=plan.rows))

    cabinet = await stack.enter_async_context(
        cabinet_store(url, plan.dimensions, plan.clients, tenants, bar("Cabinet"))
    )
    stores: list[Store] = [cabinet]
    if "chroma" in plan.peers:
        for is_own, name in ((True, "chroma-collections"), (False, "chroma-where")):
            store = chroma_store(folder / name, collection_a_tenant=is_own, tenants=tenants, advance=bar(name))
            stores.append(await stack.enter_async_context(store))
    if "lancedb" in plan.peers:
        lance = lance_store(folder / "lancedb", plan.dimensions, tenants, bar("LanceDB"))
        stores.append(await stack.enter_async_context(lance))
    if "langchain" in plan.peers:
        langchain = langchain_store(
            url, folder / "langchain", plan.dimensions, tenants, queries, bar("langchain-postgres")
        )
        stores.append(await stack.enter_async_context(langchain))
    return cabinet, stores


async def _machine(url: str, plan: Plan) -> str:
    connection = await asyncpg.connect(url)
    try:
        machine = await describe_machine(connection)
    finally:
        await connection.close()
    packages = {"chroma": "chromadb", "lancedb": "lancedb"}
    peers = [f"{package} {version(package)}" for peer, package in packages.items() if peer in plan.peers]
    if "langchain" in plan.peers:
        peers.append(f"langchain-postgres {_langchain_version()}")
    return f"{machine}; {', '.join(peers)}; {plan.rows:,} rows of {plan.dimensions} dimensions"


def _langchain_version() -> str:
    found = sorted(PYTHON.parents[1].glob("lib/*/site-packages/langchain_postgres-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else "?"


class _Bench:
    """Measures every setting of every store, one tenant after another."""

    def __init__(
        self, plan: Plan, cabinet: CabinetStore, stores: Sequence[Store], queries: Sequence[Query], progress: Progress
    ) -> None:
        self._plan = plan
        self._cabinet = cabinet
        self._queries = queries
        self._progress = progress
        self._settings = {(store.name, setting): store for store in stores for setting in store.settings}

    async def measure(self, tenant: Tenant) -> list[Measured]:
        """Measure latency and recall of the settings in turn, then the rates, then the plans."""
        what = f"tenant of {len(tenant.vectors):,} rows"
        bar = self._progress.add_task(what, total=3 + self._plan.rounds + len(self._settings))
        advance = partial(self._progress.advance, bar)
        nearest = [exact_numbers(tenant, query) for query in self._queries[: self._plan.rounds]]
        keys = {" · ".join(key): key for key in self._settings}
        times = await interleaved(
            {name: partial(self._answer, tenant, key) for name, key in keys.items()},
            self._plan.rounds,
            limit_s=self._plan.limit_s,
            advance=advance,
        )
        measured = []
        for name, (store_name, setting) in keys.items():
            store = self._settings[store_name, setting]
            answers = times[name].results
            own = Times([answer.milliseconds for answer in answers], answers)
            # Round i uses query i, even if a setting has exceeded its seconds.
            recall = sum(
                len(exact.intersection(answer.numbers)) for answer, exact in zip(answers, nearest, strict=False)
            ) / sum(len(exact) for _, exact in zip(answers, nearest, strict=False))
            rate = await store.rate(setting, tenant, self._queries, self._plan.clients, self._plan.load_s)
            measured.append(Measured(store_name, setting, own.p50, own.p95, float(recall), rate))
            advance()
        await self._write_plans(tenant)
        return measured

    async def _answer(self, tenant: Tenant, key: tuple[str, str], number: int) -> Answer:
        return await self._settings[key].answer(key[1], tenant, self._queries[number])

    async def _write_plans(self, tenant: Tenant) -> None:
        for (name, setting), store in self._settings.items():
            text = await store.plan(setting, tenant, self._queries[0])
            if text is not None:
                label = "".join(letter if letter.isalnum() else "-" for letter in f"{name}-{setting}").lower()
                file = Report("peers", self._plan.output, [], "")
                file.write_plan(f"{len(tenant.vectors)}.{label}", text)


def exact_numbers(tenant: Tenant, query: Query) -> set[int]:
    """The numbers of the tenant's rows nearest to a query; all vectors have length 1."""
    similarities = tenant.vectors @ query.vector
    nearest = np.argsort(-similarities)[:LIMIT]
    return {tenant.first + int(place) for place in nearest}


async def _report_stores(plan: Plan, stores: Sequence[Store], machine: str) -> None:
    report = Report("peers-stores", plan.output, ["store", "load s", "indexes s", "disk MB"], machine)
    for store in stores:
        report.add(store.name, store.load_s, store.index_s, await store.disk_bytes() / 2**20)
    report.write("Loading and disk; – if the indexes are built while loading")


def report(plan: Plan, results: Mapping[int, Sequence[Measured]], lanes: Mapping[int, str], machine: str) -> None:
    """Print and write the measurements, the comparison and the plots."""
    columns = ["tenant rows", "store", "setting", "p50 ms", "p95 ms", "recall@10", "searches/s"]
    table = Report("peers", plan.output, columns, machine)
    for size, measured in results.items():
        for one in measured:
            setting = f"{one.setting} ({lanes[size]})" if one.store == "Cabinet" else one.setting
            table.add(size, one.store, setting, one.p50_ms, one.p95_ms, f"{one.recall:.3f}", one.rate)
    table.write(f"Searches within a tenant; rates of {plan.clients} clients")
    _compare(plan, results, machine)
    _plot(plan, results)


def _compare(plan: Plan, results: Mapping[int, Sequence[Measured]], machine: str) -> None:
    columns = [
        "tenant rows", "peer", "setting", "p50 ms", "recall@10", "Cabinet's recall", "x its statement", "x its HTTP",
        f"{WANTED:g} times, like with like",
    ]  # fmt: skip
    table = Report("peers-compared", plan.output, columns, machine)
    for size, measured in results.items():
        cabinet = {one.setting: one for one in measured if one.store == "Cabinet"}
        for peer in _names_of_peers(measured):
            like = cabinet[_like_with_like(peer)]
            for one in _beside(like, [one for one in measured if one.store == peer]):
                enough = "yes" if one.p50_ms >= WANTED * like.p50_ms else "no"
                lower = ", but recall lower" if one.recall > like.recall + EQUAL else ""
                table.add(
                    size, peer, one.setting, one.p50_ms,
                    f"{one.recall:.3f}", f"{like.recall:.3f}", one.p50_ms / cabinet[STATEMENT].p50_ms,
                    one.p50_ms / cabinet[HTTP].p50_ms, f"{like.setting}: {enough}{lower}",
                )  # fmt: skip
    table.write("Peers compared with Cabinet: ratios to the times of its statement and of its HTTP")


def _beside(cabinet: Measured, settings: Sequence[Measured]) -> list[Measured]:
    """The fastest setting and, if it finds fewer rows than Cabinet, also the fastest one that finds as many."""
    fastest = min(settings, key=lambda one: one.p50_ms)
    if fastest.recall >= cabinet.recall - EQUAL:
        return [fastest]
    as_many = [one for one in settings if one.recall >= cabinet.recall - EQUAL]
    if as_many:
        return [fastest, min(as_many, key=lambda one: one.p50_ms)]
    most = max(settings, key=lambda one: one.recall)
    return [fastest] if most is fastest else [fastest, most]


def _names_of_peers(measured: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(one.store for one in measured if one.store != "Cabinet"))


def _like_with_like(peer: str) -> str:
    return HTTP if peer.startswith("Chroma") else STATEMENT


def _plot(plan: Plan, results: Mapping[int, Sequence[Measured]]) -> None:
    """Latency by tenant size: both variants of Cabinet, and the last setting of the comparison for each peer."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for size, measured in results.items():
        cabinet = {one.setting: one for one in measured if one.store == "Cabinet"}
        for setting, one in cabinet.items():
            lines.setdefault(f"Cabinet, {setting}", []).append((size, one.p50_ms))
        for peer in _names_of_peers(measured):
            like = cabinet[_like_with_like(peer)]
            chosen = _beside(like, [one for one in measured if one.store == peer])[-1]
            lines.setdefault(f"{peer}, its fastest setting at Cabinet's recall", []).append((size, chosen.p50_ms))
    title = f"Search within a tenant, {plan.rows:,} rows of {plan.dimensions} dimensions, median"
    for kind in ("png", "svg"):
        plot_lines(plan.output / f"peers.{kind}", title, "rows of the tenant", "ms", lines)


if __name__ == "__main__":
    main()
