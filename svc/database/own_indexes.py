"""The indexes of large tenants: which there should be, and making it so, beside a running service.

An HNSW index over all tenants loses rows to a filter on one of them, and its scan costs what all tenants weigh. An
index of one tenant's own has neither fault. It is built `concurrently`: reads and writes go on. A build that was
killed leaves an invalid index, which the next plan drops and builds again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg

from svc.database.queries import Database, Row
from svc.database.statements import Statement
from svc.errors import CabinetError, ConflictError, StartupError

logger = logging.getLogger(__name__)

_MAX_TENANTS = 10_000
# Nanoseconds a row and dimension, measured on two cores: 76 s for 200,000 rows of 1,536 dimensions.
_BUILD_NS = 250.0
_PREFIX = "chunk_vectors_hnsw_"


@dataclass(frozen=True)
class Step:
    """One change to the indexes: why, what it runs, what it locks, about how long it takes.

    `user_id` is None for the index of a tenant that is gone; `has_index` is what is noted of the tenant.
    """

    user_id: UUID | None
    index_name: str
    reason: str
    creates: bool
    drops: bool
    has_index: bool
    estimate_s: float

    @property
    def action(self) -> Literal["create", "drop", "rebuild", "note"]:
        """The step in a word."""
        if self.creates:
            return "rebuild" if self.drops else "create"
        return "drop" if self.drops else "note"

    @property
    def lock(self) -> str:
        """What waits for this step."""
        if self.action == "note":
            return "one row"
        return "SHARE UPDATE EXCLUSIVE on chunk_vectors: reads and writes go on; vacuum and schema changes wait"

    def ddl(self, statements: Mapping[str, Statement]) -> list[str]:
        """The statements that it runs, in order."""
        texts = []
        if self.drops:
            texts.append(statements["ddl/drop_own_index"].body)
        if self.creates:
            texts.append(statements["ddl/own_index"].body)
        return [text.replace(":index", self.index_name).replace(":user_id", str(self.user_id)) for text in texts]


async def planned_steps(database: Database, min_rows: int) -> list[Step]:
    """The steps that the sizes of the tenants and the indexes there are ask for."""
    rows = await database.many("indexes/list", min_rows=min_rows, max_rows=_MAX_TENANTS)
    model = await database.one("server/current_model")
    assert model is not None
    return plan_indexes(rows, min_rows, model["dimensions"])


def plan_indexes(rows: Sequence[Row], min_rows: int, dimensions: int) -> list[Step]:
    """What to change, given the rows of `indexes/list`.

    A tenant gets an index from `min_rows` vectors on, and keeps it until fewer than half as many are left.
    """
    return [step for row in rows if (step := _step(row, min_rows, dimensions)) is not None]


def _step(row: Row, min_rows: int, dimensions: int) -> Step | None:
    count, exists, is_valid = row["row_count"] or 0, row["index_name"] is not None, row["is_valid"]
    is_large = row["user_id"] is not None and count >= (min_rows / 2 if is_valid else min_rows)
    creates, drops = is_large and not is_valid, exists and not (is_large and is_valid)
    has_index = creates or (exists and not drops)
    if not creates and not drops and row["has_index"] == has_index:
        return None
    return Step(
        user_id=row["user_id"],
        index_name=row["index_name"] or _PREFIX + row["user_id"].hex,
        reason=_reason(row, count, is_large, min_rows),
        creates=creates,
        drops=drops,
        has_index=has_index,
        estimate_s=count * dimensions * _BUILD_NS * 1e-9 if creates else 0.0,
    )


def _reason(row: Row, count: int, is_large: bool, min_rows: int) -> str:
    if row["user_id"] is None:
        return "its tenant is gone"
    if row["index_name"] is not None and not row["is_valid"]:
        return "the index is invalid: a build of it did not end"
    if not is_large:
        return f"{count} vectors, fewer than half of {min_rows}" if row["is_valid"] else "searches are told of none"
    if row["is_valid"]:
        return "the index is there, but searches are not told of it"
    return f"{count} vectors, {min_rows} or more"


class IndexBuilder:
    """A session that changes indexes, one step after the other. Only one may be open on a database."""

    def __init__(self, connection: Any, statements: Mapping[str, Statement]) -> None:
        self._connection = connection
        self._statements = statements

    @classmethod
    async def open(cls, url: str, statements: Mapping[str, Statement]) -> IndexBuilder:
        """Connect.

        Raises:
            ConflictError: another session is changing indexes, perhaps for a client that was killed.
            StartupError: the database cannot be used.
        """
        # A build takes as long as it takes, and is several times as fast while the graph fits into memory.
        settings = {"application_name": "cabinet index", "statement_timeout": "0", "maintenance_work_mem": "1GB"}
        try:
            connection = await asyncpg.connect(url, timeout=10, server_settings=settings)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
            raise StartupError(f"The database of DATABASE_URL cannot be used: {error}") from error
        if not await connection.fetchval(statements["indexes/lock"].text):
            await connection.close()
            raise ConflictError(
                "another session is changing the tenants' indexes; a build goes on also when its client was killed. "
                "Try again when it has ended (see pg_stat_progress_create_index)."
            )
        return cls(connection, statements)

    async def apply(self, step: Step) -> None:
        """Take one step. Searches are told of an index only when it is valid, and to leave it before it goes."""
        if not step.has_index:
            await self._note(step)
        for text in step.ddl(self._statements):
            await self._connection.execute(text)
        if step.has_index:
            await self._note(step)

    async def close(self) -> None:
        """Disconnect, at which the lock goes."""
        await self._connection.close()

    async def _note(self, step: Step) -> None:
        if step.user_id is not None:
            await self._connection.execute(self._statements["indexes/mark"].text, step.user_id, step.has_index)


async def keep_indexes(database: Database, url: str, min_rows: int, every_s: float) -> None:
    """Make and drop indexes as planned, looking every `every_s` seconds, until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await _take_steps(database, url, min_rows)
        except ConflictError:
            logger.info("another process is changing the tenants' indexes")
        except (CabinetError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("the tenants' indexes are left as they are for now: %r", error)


async def _take_steps(database: Database, url: str, min_rows: int) -> None:
    if not await planned_steps(database, min_rows):
        return
    builder = await IndexBuilder.open(url, database.statements)
    try:
        # Planned again: another process may have taken the steps before the lock was ours.
        for step in await planned_steps(database, min_rows):
            await builder.apply(step)
            logger.info("index %s: %s, because %s", step.index_name, step.action, step.reason)
    finally:
        await builder.close()
