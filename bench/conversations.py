"""The queries of an application for every turn of a chat: the newest messages of each conversation, and the messages of
one conversation that fit into a model's context window.

\b
recent    a user's conversations, each with its newest five messages
context   the newest messages of one conversation within 3,000 tokens, and its
          system message

Measured with conversations of several lengths, for

\b
Cabinet            conversations/list_with_recent, messages/context
ORM, two queries   SQLAlchemy with selectinload: the conversations, then all of
                   their messages, selected in Python
ORM, one by one    the conversations, then for each a query for its messages
window             for recent: one query of plain SQL on the ORM's tables that
                   numbers all messages: row_number() <= 5
ORM, all messages  for context: all messages of the conversation, selected in
                   Python
ORM, no index      the same on the ORM's table as its models define it

In the other variants, the ORM's table of messages has an index on conversation and timestamp, which its models do not
define. The times are from the call to the rows in Python, over a Unix socket, including the ORM's session. The script
checks that all variants find the same messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

import click
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from bench.conversation_rows import BARE_SCHEMA, Group, conversations_sql, store_groups
from bench.growth_rows import seed_engine
from bench.machine import describe_machine
from bench.plans import explain
from bench.progress import quiet_progress, step
from bench.report import DEFAULT_FOLDER, Report, console, plot_lines
from bench.seed_stack.repositories import ConversationRepository, conversations_of_user, messages_of_conversation
from bench.servers import MEMORY_MB, benchmark_connection, benchmark_database, benchmark_server, benchmark_settings
from svc.calibration.timing import Times, Variant, interleaved
from svc.cli.environment import run
from svc.database.by_name import bind
from svc.database.queries import Database
from svc.settings import Settings

RECENT_QUESTION, CONTEXT_QUESTION = "recent", "context"
CABINET, ORM, ONE_BY_ONE, WINDOW, ALL_MESSAGES, NO_INDEX = (
    "Cabinet", "ORM, two queries", "ORM, one by one", "window", "ORM, all messages", "ORM, no index",
)  # fmt: skip
RECENT = 5
TOKEN_BUDGET = 3_000
MOST_MESSAGES = 1_000
"""The defaults of the service."""
TARGETS = {200: 50, 10_000: 1_000}
"""The target speed relative to the ORM for the newest messages of each conversation, by length."""
# The vectors are not used, but their tables must have a width.
_DIMENSIONS = 64
# Consecutive rounds of a variant; after a full scan, its rows fill the caches at the start of the next variant.
_BLOCK = 20


@dataclass(frozen=True)
class Options:
    """`lengths` are the lengths of conversations of users with many, `alone` those of users with one.
    Each variant is timed for at most `limit_s` seconds, and for at least three rounds.
    """

    conversations: int
    lengths: tuple[int, ...]
    alone: tuple[int, ...]
    rounds: int
    limit_s: float
    memory_mb: int
    folder: Path


@dataclass(frozen=True)
class Measured:
    """The times of one question about one group, by the name of the variant."""

    question: str
    group: Group
    times: Mapping[str, Times]
    found: int

    def times_of_cabinet(self, name: str) -> float:
        """The ratio of its median to that of Cabinet."""
        return self.times[name].p50 / self.times[CABINET].p50


@click.command(help=__doc__)
@click.option("--short", is_flag=True, help="Ten conversations of up to 1,000 messages; half a minute.")
@click.option("--conversations", type=int, default=50, show_default=True, help="Conversations of each large user.")
@click.option("--lengths", default="200,10000", show_default=True, help="Messages in each of these.")
@click.option(
    "--alone", default="10,1000,100000", show_default=True, help="Messages of the conversation of each small user."
)
@click.option("--rounds", type=int, default=300, show_default=True, help="Rounds of each question.")
@click.option("--limit-s", type=float, default=20.0, show_default=True, help="Maximum seconds for a variant.")
@click.option("--memory-mb", type=int, default=MEMORY_MB, show_default=True, help="shared_buffers of the server.")
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(short: bool, lengths: str, alone: str, **options: Any) -> None:
    if short:
        lengths, alone = "200,1000", "10,1000,10000"
        options |= {"conversations": 10, "rounds": 50, "limit_s": 2.0, "memory_mb": 512}
    many, single = (tuple(int(number) for number in text.split(",")) for text in (lengths, alone))
    if min(*many, *single) < 2 or not 1 <= options["conversations"] <= 100:
        raise click.BadParameter("conversations must have at least two messages; a user has at most a hundred of them")
    run(_measure(Options(lengths=many, alone=single, **options)))


async def _measure(options: Options) -> None:
    settings = benchmark_settings(_DIMENSIONS)
    sizes = [(options.conversations, length) for length in options.lengths] + [(1, length) for length in options.alone]
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(quiet_progress())
        url = await stack.enter_async_context(benchmark_server(memory_mb=options.memory_mb))
        loading = progress.add_task("messages", total=2 * sum(count * length for count, length in sizes))
        groups = await store_groups(url, settings, sizes, partial(step, progress, loading))
        connection = await stack.enter_async_context(benchmark_connection(url, settings))
        database = await stack.enter_async_context(benchmark_database(url, settings))
        engine = await stack.enter_async_context(seed_engine(url))
        bare_engine = await stack.enter_async_context(seed_engine(url, BARE_SCHEMA))
        written = _Written(options, await describe_machine(connection))
        measuring = progress.add_task("measuring", total=len(groups) * 2 * (options.rounds + 1))
        for group in groups:
            asker = _Asker(database, engine, bare_engine, connection, group)
            for question, variants in asker.questions().items():
                times = await interleaved(
                    variants, options.rounds, warm_up=1, limit_s=options.limit_s, block=_BLOCK,
                    advance=partial(step, progress, measuring),
                )  # fmt: skip
                written.add(Measured(question, group, times, _same(question, group, times)))
            for what, plan in (await _plans(asker, settings, url)).items():
                written.report.write_plan(f"{len(group.conversations)}x{group.length}.{what}", plan)
    written.write()


def _same(question: str, group: Group, times: Mapping[str, Times]) -> int:
    """The number of messages that each variant found.

    Raises:
        AssertionError: the variants did not find the same messages.
    """
    found = {name: sorted(of_variant.results[0]) for name, of_variant in times.items()}
    assert all(ids == found[CABINET] for ids in found.values()), (question, group.name, found)
    return len(found[CABINET])


class RecentArguments(TypedDict):
    """The arguments of `conversations/list_with_recent`."""

    user_id: UUID
    after: UUID | None
    max_rows: int
    recent: int


class ContextArguments(TypedDict):
    """Of `messages/context`."""

    user_id: UUID
    conversation_id: UUID
    token_budget: int
    max_messages: int


class _Asker:
    """Runs the queries on one group; each answer is the ids of the messages found."""

    def __init__(
        self, database: Database, engine: AsyncEngine, bare_engine: AsyncEngine, connection: Any, group: Group
    ) -> None:
        self.database = database
        self.group = group
        self._engine = engine
        self._connection = connection
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._bare_sessions = async_sessionmaker(bare_engine, expire_on_commit=False)

    def questions(self) -> dict[str, dict[str, Variant]]:
        """The variants of each question, by name."""
        return {
            RECENT_QUESTION: {
                CABINET: self._recent, ORM: self._orm_recent, ONE_BY_ONE: self._orm_recent_one_by_one,
                WINDOW: self._window,
            },
            CONTEXT_QUESTION: {
                CABINET: self._context, ALL_MESSAGES: partial(self._orm_context, self._sessions),
                NO_INDEX: partial(self._orm_context, self._bare_sessions),
            },
        }  # fmt: skip

    @property
    def recent_arguments(self) -> RecentArguments:
        """The arguments of the route: one more conversation than a page has, to learn whether another page follows."""
        return {
            "user_id": self.group.user_id, "after": None, "max_rows": len(self.group.conversations) + 1,
            "recent": RECENT,
        }  # fmt: skip

    @property
    def context_arguments(self) -> ContextArguments:
        """The arguments of the route for a request with the defaults."""
        return {
            "user_id": self.group.user_id, "conversation_id": self.group.conversations[0],
            "token_budget": TOKEN_BUDGET, "max_messages": MOST_MESSAGES,
        }  # fmt: skip

    async def caught(self) -> list[tuple[str, Any]]:
        """The statements that SQLAlchemy generates for the ORM's selects, with their parameters, for the plans."""
        caught: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            caught.append((statement, parameters))

        event.listen(self._engine.sync_engine, "before_cursor_execute", note)
        async with AsyncSession(self._engine) as session:
            await session.execute(conversations_of_user(str(self.group.user_id), len(self.group.conversations)))
            await session.execute(messages_of_conversation(str(self.group.conversations[0])))
        event.remove(self._engine.sync_engine, "before_cursor_execute", note)
        return caught

    async def _recent(self, _number: int) -> list[str]:
        rows = await self.database.many("conversations/list_with_recent", **self.recent_arguments)
        return [message["id"] for row in rows for message in row.messages]

    async def _context(self, _number: int) -> list[str]:
        rows = await self.database.many("messages/context", **self.context_arguments)
        return [str(row.id) for row in rows]

    async def _orm_recent(self, _number: int) -> list[str]:
        async with self._sessions() as session:
            of_user = await ConversationRepository(session).with_messages(
                str(self.group.user_id), len(self.group.conversations)
            )
            return [str(message.id) for _, messages in of_user for message in messages[-RECENT:]]

    async def _orm_recent_one_by_one(self, _number: int) -> list[str]:
        async with self._sessions() as session:
            of_user = await ConversationRepository(session).with_messages_one_by_one(
                str(self.group.user_id), len(self.group.conversations)
            )
            return [str(message.id) for _, messages in of_user for message in messages[-RECENT:]]

    async def _window(self, _number: int) -> list[str]:
        rows = await self._connection.fetch(conversations_sql("numbered"), self.group.user_id, RECENT)
        return [str(row["id"]) for row in rows]

    async def _orm_context(self, sessions: async_sessionmaker[AsyncSession], _number: int) -> list[str]:
        async with sessions() as session:
            messages = await ConversationRepository(session).messages(str(self.group.conversations[0]))
            kept = [message for message in messages if message.role == "system"]
            left = TOKEN_BUDGET - sum(int(message.token_count) for message in kept)
            for message in reversed(messages):
                if message.role == "system":
                    continue
                left -= int(message.token_count)
                if left < 0:
                    break
                kept.append(message)
            return [str(message.id) for message in kept]


async def _plans(asker: _Asker, settings: Settings, url: str) -> dict[str, str]:
    """The plans of the timed statements."""
    plans: dict[str, str] = {}
    async with benchmark_connection(url, settings) as connection:
        for name, arguments in (
            ("conversations/list_with_recent", asker.recent_arguments),
            ("messages/context", asker.context_arguments),
        ):
            statement = asker.database.statements[name]
            plans[name.replace("/", "-")] = await explain(connection, statement.body, bind(statement, arguments))
        plans["window"] = await explain(connection, conversations_sql("numbered"), [asker.group.user_id, RECENT])
        for what, (text, parameters) in zip(("orm.conversations", "orm.messages"), await asker.caught(), strict=True):
            plans[what] = await explain(connection, text, parameters)
    return plans


class _Written:
    """The report, the plots and the verdict."""

    def __init__(self, options: Options, machine: str) -> None:
        self._options = options
        self._measured: list[Measured] = []
        self.report = Report(
            "conversations", options.folder,
            [
                "question", "conversations", "messages each", "by", "p50 ms", "p95 ms", "times Cabinet",
                "messages found", "rounds",
            ],
            machine,
        )  # fmt: skip

    def add(self, measured: Measured) -> None:
        """Add the results of one question about one group."""
        self._measured.append(measured)
        group = measured.group
        for name, times in measured.times.items():
            self.report.add(
                measured.question, len(group.conversations), group.length, name, times.p50, times.p95,
                measured.times_of_cabinet(name), measured.found, len(times.milliseconds),
            )  # fmt: skip

    def write(self) -> None:
        """Write everything."""
        self.report.write(f"Conversations and their messages: the newest {RECENT} of each, and {TOKEN_BUDGET:,} tokens")
        many = self._options.conversations
        file = self._options.folder / "conversations"
        for question, count, subject in (
            (RECENT_QUESTION, many, f"The newest {RECENT} messages of each of {many} conversations"),
            (CONTEXT_QUESTION, 1, f"The messages of a conversation that fit into {TOKEN_BUDGET:,} tokens"),
        ):
            plot_lines(
                file.with_suffix(f".{question}.svg"), subject, "messages of each conversation", "p50, milliseconds",
                self._lines(question, count),
            )  # fmt: skip
        for one in self._measured:
            self._judge(one)

    def _judge(self, one: Measured) -> None:
        slowest, fastest = (
            pick((name for name in one.times if name != CABINET), key=one.times_of_cabinet) for pick in (max, min)
        )
        target = TARGETS.get(one.group.length)
        is_asked = one.question == RECENT_QUESTION and len(one.group.conversations) > 1 and target is not None
        aim = f"; the target is {target} times the ORM's {ORM}" if is_asked else ""
        console.print(
            f"{one.question}, {one.group.name}: {one.times_of_cabinet(fastest):.1f} times as fast as {fastest}, "
            f"{one.times_of_cabinet(slowest):.1f} times as fast as {slowest}{aim}"
        )

    def _lines(self, question: str, count: int) -> Mapping[str, Sequence[tuple[float, float]]]:
        lines: dict[str, list[tuple[float, float]]] = {}
        for one in self._measured:
            if one.question == question and len(one.group.conversations) == count:
                for name, times in one.times.items():
                    lines.setdefault(name, []).append((one.group.length, times.p50))
        return lines


if __name__ == "__main__":
    main()
