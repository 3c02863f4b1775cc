"""Compares Cabinet with FastAPI and SQLAlchemy, over HTTP, on the same rows in the same server.

Each service is one process. They are measured in turn, and the medians of the rounds are shown. pgbench runs the
statement of Cabinet's route on the same rows without any service, as the limit. The load generator, the services and
PostgreSQL share the machine's cores without pinning; the CPU time of each of them is shown.

Cabinet runs with authentication, metrics, request ids and the log. The other stack, `bench/seed_stack/`, does not
authenticate requests, which is to its advantage.

\b
get user         by id, in Cabinet with the admin key; also GET /me with the
                 user's own key, which is checked once in five seconds
list documents   the newest 20 of a tenant
recent messages  the last 20 of a conversation's 300
search           the nearest 5 of a tenant's chunks, by a vector in the request;
                 then of a tenant with an index of their own
"""

from __future__ import annotations

import os
import statistics
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import asyncpg
import click
import psutil
from rich.progress import Progress
from sqlalchemy import event
from sqlalchemy.sql import Select

from bench.http_questions import CABINET, ME, PGBENCH, SEARCH_LIMIT, SEED, Question, questions
from bench.http_rows import PAGE, Rows, index_last_tenant, seed_database, store_rows
from bench.load import fetch, run_load
from bench.machine import describe_machine
from bench.pgbench import run_pgbench
from bench.plans import explain
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report, plot_bars
from bench.seed_stack.application import create_engine
from bench.seed_stack.repositories import recent_documents, recent_messages, similar_chunks, user_by_id
from bench.server_programs import server_programs
from bench.servers import benchmark_connection, benchmark_database, benchmark_server, benchmark_settings
from bench.service import RunningService, cabinet_service, seed_service
from svc.cli.environment import run
from svc.database.by_name import bind
from svc.database.session_settings import session_settings
from svc.database.statements import Statement, load_statements
from svc.resources import resource_folder
from svc.settings import Settings

SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Options:
    """The parameters of a run: `size` vectors for each tenant, `seconds` for each variant in each round."""

    tenants: int
    size: int
    dimensions: int
    rounds: int
    seconds: float
    clients: tuple[int, ...]
    postgres: Literal["16", "18"]
    pool_size: int
    folder: Path


@dataclass(frozen=True)
class Stacks:
    """The services by the names of the variants, and their PostgreSQL."""

    services: Mapping[str, RunningService]
    database_url: str
    seed_url: str
    settings: Settings
    statements: Mapping[str, Statement]
    postgres: psutil.Process


@dataclass
class Cell:
    """The results of one variant for one question and one number of clients, with one figure for each round.

    Milliseconds are times of an answer; microseconds are CPU times for an answer.
    """

    rate: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    service_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)
    client_us: list[float] = field(default_factory=list)

    def median(self, name: str) -> float | None:
        """The median of a figure over the rounds; None if it was not measured."""
        values: list[float] = getattr(self, name)
        return statistics.median(values) if values else None


Cells = dict[tuple[str, str, int], Cell]
"""By question, variant and clients."""


@click.command(help=__doc__)
@click.option("--short", is_flag=True, help="Fewer and smaller rows, fewer rounds; under 90 seconds.")
@click.option("--tenants", type=click.IntRange(2), default=5, show_default=True, help="Tenants, all of one size.")
@click.option("--size", type=int, default=10_000, show_default=True, help="Vectors of each tenant.")
@click.option("--dimensions", type=int, default=1536, show_default=True)
@click.option("--rounds", type=int, default=5, show_default=True, help="Rounds; the medians are shown.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="Seconds for each variant in each round.")
@click.option(
    "--clients", type=int, multiple=True, default=(1, 8), show_default=True, help="Concurrent clients; can be repeated."
)
@click.option("--postgres", type=click.Choice(["16", "18"]), default="18", show_default=True)
@click.option("--pool-size", type=int, default=10, show_default=True, help="Maximum connections of Cabinet.")
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(short: bool, **options: Any) -> None:
    if short:
        options |= {"tenants": 2, "size": 5000, "dimensions": 384, "rounds": 2, "seconds": 0.4}
    run(compare(Options(**options)))


async def compare(options: Options) -> None:
    """Store the rows, run every variant, and write the report."""
    with quiet_progress() as progress:
        async with benchmark_server(options.postgres) as url:
            settings = benchmark_settings(options.dimensions)
            filling = progress.add_task("storing rows", total=options.tenants * options.size)
            async with benchmark_database(url, settings) as database:
                rows = await store_rows(
                    database, options.tenants, options.size, options.dimensions,
                    lambda count: step(progress, filling, count),
                )  # fmt: skip
                await index_last_tenant(database, url, rows)
            copying = progress.add_task("copying them for the ORM stack", total=1)
            async with seed_database(url, options.dimensions) as seed_url:
                step(progress, copying)
                async with _running(url, seed_url, settings, options) as stacks:
                    asked = await questions(rows, settings)
                    await check_answers(stacks, rows, asked)
                    cells = await measure(stacks, asked, options, progress)
                    await write(stacks, rows, asked, cells, options)


@asynccontextmanager
async def _running(url: str, seed_url: str, settings: Settings, options: Options) -> AsyncIterator[Stacks]:
    connection = await asyncpg.connect(url)
    try:
        backend = await connection.fetchval((SQL / "server_process.sql").read_text())
        postgres = psutil.Process(psutil.Process(backend).ppid())
    finally:
        await connection.close()
    own = {"pool_min_size": "1", "pool_size": str(options.pool_size)}
    async with (
        cabinet_service(url, options.dimensions, **own) as cabinet,
        seed_service(seed_url, options.dimensions) as seed,
    ):
        services = {CABINET: cabinet, ME: cabinet, SEED: seed}
        yield Stacks(services, url, seed_url, settings, load_statements(resource_folder("sql")), postgres)


async def check_answers(stacks: Stacks, rows: Rows, asked: list[Question]) -> None:
    """Check that both stacks return the same rows; searches may differ by the rows that an approximate lane misses.

    Raises:
        AssertionError: they differ.
    """
    answers = {
        question.name: {
            name: await fetch(stacks.services[name].url, requests[0]) for name, requests in question.requests.items()
        }
        for question in asked
    }
    user = answers["get user"]
    assert user[CABINET]["id"] == user[ME]["id"] == user[SEED]["id"], user
    documents = answers["list documents"]
    assert [row["id"] for row in documents[CABINET]["data"]] == [row["id"] for row in documents[SEED]], documents
    messages = answers["recent messages"]
    shown = [row["id"] for row in messages[CABINET]["data"]]
    assert shown == [row["id"] for row in reversed(messages[SEED])], messages
    assert len(shown) == PAGE, shown
    for what in ("search", "search, own index"):
        found = answers[what]
        ours = {row["content"] for row in found[CABINET]["results"]}
        theirs = {row["content"] for row in found[SEED]["results"]}
        assert len(ours) == len(theirs) == SEARCH_LIMIT, found
        assert len(ours & theirs) >= SEARCH_LIMIT - 1, found


async def measure(stacks: Stacks, asked: list[Question], options: Options, progress: Progress) -> Cells:
    """Measure all variants in turn, round by round, after a warm-up round of the services."""
    variants = [
        (question, name, clients)
        for question in asked
        for clients in options.clients
        for name in (*question.requests, PGBENCH)
    ]
    cells: Cells = {(question.name, name, clients): Cell() for question, name, clients in variants}
    for question, name, clients in variants:
        if name != PGBENCH:
            await _measure_service(Cell(), stacks, question, name, clients, min(options.seconds, 0.3))
    task = progress.add_task("measuring", total=len(variants) * options.rounds)
    for _ in range(options.rounds):
        for question, name, clients in variants:
            cell = cells[question.name, name, clients]
            if name == PGBENCH:
                await _measure_pgbench(cell, stacks, question, clients, options)
            else:
                await _measure_service(cell, stacks, question, name, clients, options.seconds)
            step(progress, task)
    return cells


async def _measure_service(
    cell: Cell, stacks: Stacks, question: Question, name: str, clients: int, seconds: float
) -> None:
    service = stacks.services[name]
    processes = {"service": psutil.Process(service.pid), "postgres": stacks.postgres, "client": psutil.Process()}
    before = {what: _processor_s(process) for what, process in processes.items()}
    load = await run_load(service.url, question.requests[name], clients, seconds)
    for what, process in processes.items():
        used_us = (_processor_s(process) - before[what]) * 1e6
        getattr(cell, f"{what}_us").append(used_us / len(load.latencies_ms))
    cell.rate.append(load.rate)
    cell.p50_ms.append(load.p50_ms)
    cell.p95_ms.append(load.p95_ms)


async def _measure_pgbench(cell: Cell, stacks: Stacks, question: Question, clients: int, options: Options) -> None:
    rate = await run_pgbench(
        server_programs(options.postgres) / "pgbench",
        stacks.database_url,
        stacks.statements[question.statement],
        question.arguments,
        clients,
        options.seconds,
        session_settings(stacks.settings),
    )
    cell.rate.append(rate)


def _processor_s(process: psutil.Process) -> float:
    """CPU seconds that a process and its descendants have used so far, including those that have ended.

    For this process, descendants do not count: the services are among them, and are measured separately.
    """
    times = process.cpu_times()
    total = float(times.user + times.system)
    if process.pid == os.getpid():
        return total
    for child in process.children():
        # A process can end at any time.
        with suppress(psutil.NoSuchProcess):
            used = child.cpu_times()
            total += used.user + used.system
    return total + float(times.children_user + times.children_system)


async def write(stacks: Stacks, rows: Rows, asked: list[Question], cells: Cells, options: Options) -> None:
    """The table, the CSV, the plots and the plans."""
    async with benchmark_connection(stacks.database_url, stacks.settings) as connection:
        machine = await describe_machine(connection)
        report = Report(
            "http",
            options.folder,
            [
                "question", "variant", "clients", "requests/s", "p50 ms", "p95 ms", "times the other stack",
                "% of pgbench", *(f"{what} µs" for what in ("service", "postgres", "client")),
            ],
            machine,
        )  # fmt: skip
        for (what, name, clients), cell in cells.items():
            rate = cell.median("rate")
            seeds, limit = (cells[what, other, clients].median("rate") for other in (SEED, PGBENCH))
            assert rate is not None and seeds is not None and limit is not None
            figures = [cell.median(each.name) for each in fields(cell)[1:]]
            report.add(what, name, clients, rate, *figures[:2], rate / seeds, 100 * rate / limit, *figures[2:])
        report.write(
            f"{options.tenants} tenants of {options.size:,} vectors of {options.dimensions} dimensions; medians of "
            f"{options.rounds} rounds of {options.seconds:g} s; client, services and PostgreSQL on the same cores; "
            "µs: CPU time for an answer"
        )
        for question in asked:
            statement = stacks.statements[question.statement]
            plan = await explain(connection, statement.body, bind(statement, question.arguments))
            report.write_plan(f"{question.name.replace(',', '').replace(' ', '-')}.cabinet", plan)
    await _write_seed_plans(report, stacks, rows)
    for clients in options.clients:
        for figure, label in (("rate", "requests a second"), ("p50_ms", "milliseconds, median")):
            groups: dict[str, dict[str, float]] = {question.name: {} for question in asked}
            for (what, name, count), cell in cells.items():
                value = cell.median(figure)
                if count == clients and value is not None:
                    groups[what][name] = value
            plural = "s" if clients > 1 else ""
            file = options.folder / f"http.{figure.removesuffix('_ms')}.{clients}-client{plural}.svg"
            plot_bars(file, f"{label.capitalize()}, {clients} client{plural}", label, groups, log_y=True)


async def _write_seed_plans(report: Report, stacks: Stacks, rows: Rows) -> None:
    """The plans of the statements that SQLAlchemy generates for the ORM's selects, captured before the driver."""
    tenant = str(rows.tenants[0].user_id)
    selects: dict[str, Select[Any]] = {
        "get-user": user_by_id(str(rows.readers[0].user_id)),
        "list-documents": recent_documents(tenant, PAGE),
        "recent-messages": recent_messages(str(rows.conversations[0]), PAGE),
        "search": similar_chunks(tenant, rows.queries[0].tolist(), SEARCH_LIMIT),
    }
    engine = create_engine(stacks.seed_url)
    caught: list[tuple[str, Any]] = []
    event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, parameters, *_: caught.append((statement, parameters)),
    )
    raw = await asyncpg.connect(stacks.seed_url)
    try:
        for what, select in selects.items():
            async with engine.connect() as connection:
                await connection.execute(select)
            report.write_plan(f"{what}.seed", await explain(raw, *caught[-1]))
    finally:
        await raw.close()
        await engine.dispose()


if __name__ == "__main__":
    main()
