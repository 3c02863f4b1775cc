"""The tables of `bench.conversations`: users with conversations of one length, in Cabinet's tables and the ORM's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.growth_rows import seed_engine
from bench.seed_stack.models import Base
from bench.servers import benchmark_connection, benchmark_database
from svc.settings import Settings

SQL = Path(__file__).parent / "sql"
BARE_SCHEMA = "seed_bare"
"""Contains a second copy of the ORM's messages without an index on their conversation, as its models define them."""
_SEED_TABLES = ("users", "conversations", "messages")


@dataclass(frozen=True)
class Group:
    """A user and their conversations with `length` messages each."""

    user_id: UUID
    conversations: list[UUID]
    length: int

    @property
    def name(self) -> str:
        """Such as `50 x 200`."""
        return f"{len(self.conversations)} x {self.length:,}"


async def store_groups(
    url: str, settings: Settings, sizes: Sequence[tuple[int, int]], advance: Callable[[int], None]
) -> list[Group]:
    """Store a user for each (conversations, messages each), then the same rows in the ORM's tables.

    Messages are stored as if all conversations of a user took place at once, so the messages of one conversation are
    far apart in the table. `advance(count)` receives the number of stored messages.
    """
    async with benchmark_database(url, settings):
        pass  # Opening the database creates the tables.
    async with benchmark_connection(url, settings) as connection:
        groups = []
        for number, (count, length) in enumerate(sizes):
            user_id = await connection.fetchval(conversations_sql("users"), f"user-{number}@example.com")
            rows = await connection.fetch(conversations_sql("conversations"), user_id, count, length)
            groups.append(Group(user_id, [row["id"] for row in rows], length))
            advance(count * length)
        await _store_in_seed_tables(url, connection)
        advance(sum(count * length for count, length in sizes))
        await connection.execute((SQL / "vacuum.sql").read_text())
        await connection.execute((SQL / "checkpoint.sql").read_text())
    return groups


async def _store_in_seed_tables(url: str, connection: Any) -> None:
    await connection.execute((SQL / "growth" / "seed_schema.sql").read_text())
    async with seed_engine(url) as engine, engine.begin() as transaction:
        await transaction.run_sync(Base.metadata.create_all)
    for table in _SEED_TABLES:
        await connection.execute(conversations_sql(f"seed_{table}"))
    for name in ("bare_schema", "bare_messages", "seed_message_index"):
        await connection.execute(conversations_sql(name))


def conversations_sql(name: str) -> str:
    """A statement of `bench/sql/conversations/`."""
    return (SQL / "conversations" / f"{name}.sql").read_text()
