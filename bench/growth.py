"""Measures whether queries of a tenant become slower when the tables grow: the same queries while tenants are added.

\b
search           the nearest ten chunks of one tenant, in the lane that the
                 service selects
recent messages  the newest 20 of a conversation of 200
conversations    a tenant's newest 20, each with its newest five messages
ORM, …           the same search and messages through SQLAlchemy on the same
                 rows in its tables, whose indexes do not include the tenant

Each query runs in turn on the grown tables and on a copy of the initial tables. A ratio thus compares measurements from
the same seconds, and other load on the machine affects both. At the first size the tables are identical: the difference
of the ratios from 1 is noise, which is larger for the p95 than for the p50.

The times are those of the statement's call over a Unix socket, including planning, and the session for the ORM. After
each step the tables are vacuumed and analyzed. Recall is relative to the exact lane. The script checks that the grown
tables return the same rows as the initial ones, for the exact lane and for the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast
from uuid import UUID

import asyncpg
import click
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from bench.growth_rows import MESSAGES, Sizes, Tables, first_conversation, seed_engine
from bench.machine import describe_machine
from bench.plans import explain
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report, console, plot_lines
from bench.seed_stack.repositories import MessageRepository, recent_messages, similar_chunks
from bench.servers import MEMORY_MB, benchmark_connection, benchmark_database, benchmark_server, benchmark_settings
from svc.calibration.synthetic import synthetic_vectors
from svc.calibration.tenants import MadeUpTenant
from svc.calibration.timing import Times, Variant, interleaved
from svc.cli.environment import run
from svc.database.by_name import UntypedRow, bind
from svc.database.queries import Database
from svc.search.filters import Filters
from svc.search.lanes import Search, TenantSize, run_search
from svc.settings import Settings

QUERIES = 200
NEAREST = 10
RECENT = 20
RECENT_OF_EACH = 5
TARGET = 1.3
"""The target: the maximum ratio of a tenant's p95 in grown tables to that at the first size."""
GROWN, SMALL = "grown", "first size"
MESSAGES_QUESTION, CONVERSATIONS_QUESTION, ORM_MESSAGES = "recent messages", "conversations", "ORM, recent messages"


@dataclass(frozen=True)
class Options:
    """`rows` are the vectors at each step; each variant is timed for at most `limit_s` seconds at a step."""

    rows: tuple[int, ...]
    tenants: tuple[int, ...]
    dimensions: int
    rounds: int
    checked: int
    limit_s: float
    with_orm: bool
    memory_mb: int
    folder: Path


@dataclass(frozen=True)
class Asked:
    """The tenants, queries and conversations that are used."""

    tenants: list[MadeUpTenant]
    conversation: UUID
    queries: NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One question at one size: its times in the grown and in the initial tables, and the results."""

    question: str
    grown: Times
    small: Times
    lane: str | None
    recall: float | None

    @property
    def p50_ratio(self) -> float:
        """The ratio of the median to that in the initial tables."""
        return self.grown.p50 / self.small.p50

    @property
    def p95_ratio(self) -> float:
        """The ratio of the 95th percentile to that in the initial tables."""
        return self.grown.p95 / self.small.p95


@click.command(help=__doc__)
@click.option("--short", is_flag=True, help="Up to 60,000 rows of 256 dimensions; under a minute.")
@click.option("--rows", default="15000,100000,750000", show_default=True, help="Vectors at each step.")
@click.option("--tenants", default="2500,10000", show_default=True, help="Vectors of the measured tenants.")
@click.option("--dimensions", type=int, default=1536, show_default=True)
@click.option("--rounds", type=int, default=400, show_default=True, help="Rounds of each question at each step.")
@click.option("--checked", type=int, default=50, show_default=True, help="Queries for the measurement of recall.")
@click.option(
    "--limit-s", type=float, default=10.0, show_default=True, help="Maximum seconds for a question at a step."
)
@click.option("--orm/--no-orm", "with_orm", default=True, show_default=True, help="Also measure the ORM's tables.")
@click.option("--memory-mb", type=int, default=2 * MEMORY_MB, show_default=True, help="shared_buffers of the server.")
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(short: bool, rows: str, tenants: str, **options: Any) -> None:
    if short:
        rows = "15000,30000,60000"
        options |= {"dimensions": 256, "rounds": 100, "checked": 20, "limit_s": 1.0, "memory_mb": 1024}
    steps, sizes = (tuple(int(number) for number in text.split(",")) for text in (rows, tenants))
    if list(steps) != sorted(set(steps)) or steps[0] < sum(sizes):
        raise click.BadParameter(
            "the rows must increase, and start with at least those of the tenants", param_hint="--rows"
        )
    run(_measure(Options(rows=steps, tenants=sizes, **options)))


async def _measure(options: Options) -> None:
    settings = benchmark_settings(options.dimensions)
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(quiet_progress())
        url = await stack.enter_async_context(benchmark_server(memory_mb=options.memory_mb))
        tables = Tables(url, settings, with_seed=options.with_orm)
        loading = progress.add_task("rows", total=options.rows[-1])
        tenants = await tables.create(options.tenants, partial(step, progress, loading))
        sizes = await tables.grow(options.rows[0], partial(step, progress, loading))
        small_url = await tables.copy()
        async with benchmark_connection(url, settings) as connection:
            machine = await describe_machine(connection)
            conversation = await first_conversation(connection, tenants[-1].user_id)
        queries = synthetic_vectors(QUERIES, options.dimensions, 999_999)
        asked = Asked(tenants, conversation, queries)
        measuring = progress.add_task("measuring", total=len(options.rows) * (options.rounds + 1))
        written = _Written(options, machine)
        for rows in options.rows:
            if rows > options.rows[0]:
                sizes = await tables.grow(rows, partial(step, progress, loading))
            measured = await _measure_step(url, small_url, settings, asked, options, partial(step, progress, measuring))
            written.add(measured, sizes)
            for what, plan in (await _plans(url, settings, asked, options)).items():
                written.report.write_plan(f"{rows}.{what}", plan)
    written.write()


async def _measure_step(
    url: str, small_url: str, settings: Settings, asked: Asked, options: Options, advance: Callable[[], None]
) -> list[Measured]:
    """Run every question on the grown and on the initial tables, in turn."""
    async with AsyncExitStack() as stack:
        askers = {}
        for name, place in ((GROWN, url), (SMALL, small_url)):
            database = await stack.enter_async_context(benchmark_database(place, settings))
            engine = await stack.enter_async_context(seed_engine(place)) if options.with_orm else None
            askers[name] = _Asker(database, engine, settings, asked)
        # All questions on one, then all on the other, so that neither finds the other's pages in the caches.
        variants = {
            f"{question}|{name}": variant
            for name, asker in askers.items()
            for question, variant in asker.questions().items()
        }
        times = await interleaved(variants, options.rounds, warm_up=20, limit_s=options.limit_s, advance=advance)
        recalls = await _check(askers[GROWN], askers[SMALL], asked, options)
        return [
            Measured(
                question, times[f"{question}|{GROWN}"], times[f"{question}|{SMALL}"],
                askers[GROWN].lanes.get(question), recalls.get(question),
            )
            for question in askers[GROWN].questions()
        ]  # fmt: skip


class _Asker:
    """Queries one database."""

    def __init__(self, database: Database, engine: AsyncEngine | None, settings: Settings, asked: Asked) -> None:
        self.database = database
        self.lanes: dict[str, str] = {}
        self._settings = settings
        self._asked = asked
        self._sessions = async_sessionmaker(engine, expire_on_commit=False) if engine else None

    def questions(self) -> dict[str, Variant]:
        """The variants by the names of the questions."""
        variants: dict[str, Variant] = {
            search_question(tenant): partial(self._search, tenant) for tenant in self._asked.tenants
        }
        variants |= {MESSAGES_QUESTION: self.messages, CONVERSATIONS_QUESTION: self._conversations}
        if self._sessions is not None:
            sessions, largest = self._sessions, self._asked.tenants[-1]
            variants[f"ORM, {search_question(largest)}"] = partial(self._orm_search, sessions, largest)
            variants[ORM_MESSAGES] = partial(self._orm_messages, sessions)
        return variants

    async def nearest(self, tenant: MadeUpTenant, number: int, *, is_exact: bool) -> list[UUID]:
        """The nearest chunks to a query, and the lane that found them."""
        found = await run_search(
            self.database,
            replace(search_of(self._asked, tenant, number), is_exact=is_exact),
            tenant_size(tenant, self._settings),
            self._settings.exact_rows,
        )
        if not is_exact:
            self.lanes[search_question(tenant)] = found.lane
        return [row.chunk_id for row in found.rows]

    async def messages(self, _number: int) -> list[UUID]:
        """The newest messages of the conversation."""
        rows = await self.database.many("messages/list", **messages_arguments(self._asked))
        return [row.id for row in rows]

    async def _search(self, tenant: MadeUpTenant, number: int) -> list[UUID]:
        return await self.nearest(tenant, number, is_exact=False)

    async def _conversations(self, _number: int) -> int:
        rows = await self.database.many("conversations/list_with_recent", **conversations_arguments(self._asked))
        return len(rows)

    async def _orm_search(self, sessions: async_sessionmaker[AsyncSession], tenant: MadeUpTenant, number: int) -> int:
        query = self._asked.queries[number % QUERIES].tolist()
        async with sessions() as session:
            result = await session.execute(similar_chunks(str(tenant.user_id), query, NEAREST))
            return len(result.all())

    async def _orm_messages(self, sessions: async_sessionmaker[AsyncSession], _number: int) -> list[Any]:
        async with sessions() as session:
            rows = await MessageRepository(session).recent(str(self._asked.conversation), RECENT)
            return [row.id for row in rows]


def search_question(tenant: MadeUpTenant) -> str:
    """The name of the search of a tenant."""
    return f"search, tenant of {tenant.size:,}"


def search_of(asked: Asked, tenant: MadeUpTenant, number: int) -> Search:
    """The search of a round."""
    return Search(tenant.user_id, asked.queries[number % QUERIES], NEAREST, "cosine", None, Filters())


def tenant_size(tenant: MadeUpTenant, settings: Settings) -> TenantSize:
    """The data by which the service selects the lane of a tenant."""
    return TenantSize(tenant.size, has_index=tenant.size >= settings.index_min_rows)


class MessagesArguments(TypedDict):
    """Of `messages/list`."""

    user_id: UUID
    conversation_id: UUID
    after: int
    max_rows: int


def messages_arguments(asked: Asked) -> MessagesArguments:
    """The arguments of the route: one more row than a page has, to learn whether another page follows."""
    return {
        "user_id": asked.tenants[-1].user_id, "conversation_id": asked.conversation, "after": MESSAGES - RECENT,
        "max_rows": RECENT + 1,
    }  # fmt: skip


class ConversationsArguments(TypedDict):
    """The arguments of `conversations/list_with_recent`."""

    user_id: UUID
    after: UUID | None
    max_rows: int
    recent: int


def conversations_arguments(asked: Asked) -> ConversationsArguments:
    """The same question for the conversations."""
    return {
        "user_id": asked.tenants[-1].user_id, "after": None, "max_rows": RECENT + 1, "recent": RECENT_OF_EACH,
    }  # fmt: skip


async def _check(grown: _Asker, small: _Asker, asked: Asked, options: Options) -> dict[str, float]:
    """The recall of the searches, relative to the exact lane.

    Raises:
        AssertionError: exact results or messages differ between the grown and the initial tables.
    """
    newest = await grown.messages(0)
    assert newest == await small.messages(0) and len(newest) == RECENT, newest
    recalls = {}
    for tenant in asked.tenants:
        shares = []
        for number in range(options.checked):
            exact = await grown.nearest(tenant, number, is_exact=True)
            assert exact == await small.nearest(tenant, number, is_exact=True), (tenant.size, number)
            found = await grown.nearest(tenant, number, is_exact=False)
            shares.append(len({*exact} & {*found}) / len(exact))
        recalls[search_question(tenant)] = float(np.mean(shares))
    return recalls


async def _plans(url: str, settings: Settings, asked: Asked, options: Options) -> dict[str, str]:
    """The plans of the statements that were timed in the grown tables."""
    plans: dict[str, str] = {}
    async with (
        benchmark_database(url, settings) as database,
        benchmark_connection(url, settings) as connection,
    ):
        recorder = _Recorder(database)
        for tenant in asked.tenants:
            await run_search(
                cast(Database, recorder), search_of(asked, tenant, 0), tenant_size(tenant, settings),
                settings.exact_rows,
            )  # fmt: skip
            name, arguments = recorder.calls.pop()
            recorder.calls.clear()
            statement = database.statements[name]
            what = f"{name.replace('/', '-')}.tenant-{tenant.size}"
            plans[what] = await explain(connection, statement.body, bind(statement, arguments))
        for name, given in (
            ("messages/list", messages_arguments(asked)),
            ("conversations/list_with_recent", conversations_arguments(asked)),
        ):
            statement = database.statements[name]
            plans[name.replace("/", "-")] = await explain(connection, statement.body, bind(statement, given))
        if options.with_orm:
            plans |= await _orm_plans(url, asked)
    return plans


class _Recorder:
    """Runs statements on the database, and records them with their arguments."""

    def __init__(self, database: Database) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._database = database

    async def many(self, name: str, /, **arguments: Any) -> Sequence[UntypedRow]:
        self.calls.append((name, arguments))
        return await self._database.many_by_name(name, arguments)


async def _orm_plans(url: str, asked: Asked) -> dict[str, str]:
    """The plans of the statements that SQLAlchemy generates for the ORM's selects, captured before the driver."""
    caught: list[tuple[str, Any]] = []
    plans = {}
    connection = await asyncpg.connect(url)
    try:
        async with seed_engine(url) as engine:
            event.listen(
                engine.sync_engine,
                "before_cursor_execute",
                lambda _connection, _cursor, statement, parameters, *_: caught.append((statement, parameters)),
            )
            largest = str(asked.tenants[-1].user_id)
            for what, select in (
                ("orm.search", similar_chunks(largest, asked.queries[0].tolist(), NEAREST)),
                ("orm.messages", recent_messages(str(asked.conversation), RECENT)),
            ):
                async with AsyncSession(engine) as session:
                    await session.execute(select)
                plans[what] = await explain(connection, *caught[-1])
    finally:
        await connection.close()
    return plans


class _Written:
    """The report, the plots and the verdict."""

    def __init__(self, options: Options, machine: str) -> None:
        self._options = options
        self._measured: list[tuple[int, Measured]] = []
        self.report = Report(
            "growth", options.folder,
            [
                "vectors", "messages", "question", "lane", "p50 ms", "p95 ms", "p50 then", "p95 then", "times p50",
                "times p95", "recall@10", "rounds",
            ],
            machine,
        )  # fmt: skip

    def add(self, measured: Sequence[Measured], sizes: Sizes) -> None:
        """Add the results of one step."""
        for one in measured:
            self._measured.append((sizes.vectors, one))
            self.report.add(
                sizes.vectors, sizes.messages, one.question, one.lane, one.grown.p50, one.grown.p95, one.small.p50,
                one.small.p95, one.p50_ratio, one.p95_ratio, one.recall, len(one.grown.milliseconds),
            )  # fmt: skip

    def write(self) -> None:
        """Write everything."""
        options = self._options
        first, last = options.rows[0], options.rows[-1]
        self.report.write(
            f"One tenant while the tables grow {last / first:g} times, {options.dimensions} dimensions; then: in a "
            f"copy with {first:,} vectors, measured in turn"
        )
        subject = f"One tenant while the tables grow, {options.dimensions} dimensions"
        file = options.folder / "growth"
        plot_lines(
            file.with_suffix(".svg"), subject, "vectors in the table", "p95, milliseconds",
            self._lines(lambda one: one.grown.p95),
        )  # fmt: skip
        plot_lines(
            file.with_suffix(".ratio.svg"), subject, "vectors in the table",
            f"times the p95 in the table of {first:,}", self._lines(lambda one: one.p95_ratio), bound=TARGET,
        )  # fmt: skip
        for rows, one in self._measured:
            if rows == last:
                console.print(
                    f"{one.question}: {one.p95_ratio:.2f} times the p95 and {one.p50_ratio:.2f} times the p50 of the "
                    f"first size"
                )

    def _lines(self, figure: Callable[[Measured], float]) -> Mapping[str, Sequence[tuple[float, float]]]:
        lines: dict[str, list[tuple[float, float]]] = {}
        for rows, one in self._measured:
            lines.setdefault(one.question, []).append((rows, figure(one)))
        return lines


if __name__ == "__main__":
    main()
