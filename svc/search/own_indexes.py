"""Builds and drops the own indexes of large tenants while the service runs.

An HNSW index over all tenants loses rows when a search filters on one tenant, and its cost depends on the size of all
tenants. An index of one tenant has neither problem. It is built `concurrently`, so reads and writes continue. A build
that is killed leaves an invalid index, which the next plan rebuilds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from svc.database.connecting import connect, disconnect
from svc.database.queries import Database
from svc.database.row_security import naming, reach_of
from svc.database.statements import Statement
from svc.errors import CabinetError, ConflictError, StartupError
from svc.search.index_plan import MAX_COUNT, IndexStep, own_index_name, planned_steps

logger = logging.getLogger(__name__)

# Seconds that a request waits for the drop of an index, which waits for all transactions that could use the index.
_DROP_WAIT_S = 5.0
# Seconds for a short statement, and the minimum time limit of a build, which waits for older transactions. A build that
# takes ten times its estimate has lost its connection.
_ANSWER_S = 15.0
_LEAST_BUILD_S = 3600.0
_MOST_ESTIMATES = 10
MEMORY_MB = 1024
"""The memory that a build may use, in MB (maintenance_work_mem)."""


class IndexBuilder:
    """A session that changes indexes, one step after another. Only one can be open on a database."""

    def __init__(self, connection: Any, statements: Mapping[str, Statement]) -> None:
        self._connection = connection
        self._statements = statements

    @classmethod
    async def open(cls, url: str, statements: Mapping[str, Statement], memory_mb: int = MEMORY_MB) -> IndexBuilder:
        """Connect to the database. A build may use `memory_mb` megabytes.

        Raises:
            ConflictError: another session is changing indexes, perhaps for a client that was killed.
            StartupError: the database is unsuitable, or this login may not build indexes.
        """
        # A build has no time limit, and is several times as fast if the graph fits into memory.
        settings = {
            "application_name": "cabinet index", "statement_timeout": "0", "maintenance_work_mem": f"{memory_mb}MB"
        }  # fmt: skip
        connection = await _connect_owner(url, statements, settings)
        if not await _asked(connection, statements["indexes/lock"]):
            await disconnect(connection)
            raise ConflictError(
                "another session is changing the tenants' indexes; a build continues even if its client was killed. "
                "Try again when it has ended (see pg_stat_progress_create_index)."
            )
        return cls(connection, statements)

    async def apply(self, step: IndexStep) -> None:
        """Run one step. The tenant is marked as having an index after the build, and unmarked before the drop."""
        if not step.has_index:
            await self._note(step)
        for text in step.ddl(self._statements):
            limit_s = max(_LEAST_BUILD_S, _MOST_ESTIMATES * step.estimate_s)
            await self._connection.execute(text, timeout=limit_s)
        if step.has_index:
            await self._note(step)

    async def close(self) -> None:
        """Disconnect, which releases the lock."""
        await disconnect(self._connection)

    async def _note(self, step: IndexStep) -> None:
        if step.user_id is not None:
            mark = self._statements["indexes/mark"]
            async with self._connection.transaction():
                # Row level security, if it is on, also applies to the owner.
                if (reach := reach_of(mark, (step.user_id, step.has_index))) is not None:
                    await self._connection.execute(naming(self._statements, reach), timeout=_ANSWER_S)
                await self._connection.execute(mark.text, step.user_id, step.has_index, timeout=_ANSWER_S)


async def check_owner(url: str, statements: Mapping[str, Statement]) -> None:
    """Check that indexes can be built at `url`.

    Raises:
        StartupError: the database is unsuitable, or this login may not build indexes.
    """
    await disconnect(await _connect_owner(url, statements, {"application_name": "cabinet index"}))


async def _connect_owner(url: str, statements: Mapping[str, Statement], settings: dict[str, str]) -> Any:
    connection = await connect(url, timeout_s=10, session=settings)
    if not await _asked(connection, statements["server/owns_vectors"]):
        await disconnect(connection)
        raise StartupError(
            "Only the owner of the tables can build indexes, and this login is not the owner; set "
            "CABINET_OWNER_DATABASE_URL to the owner's URL"
        )
    return connection


async def _asked(connection: Any, statement: Statement) -> bool:
    try:
        return bool(await connection.fetchval(statement.text, timeout=_ANSWER_S))
    except BaseException:
        connection.terminate()
        raise


async def drop_own_index(url: str, statements: Mapping[str, Statement], user_id: UUID) -> bool:
    """Drop the index of an erased tenant. Returns False after a failure, which is logged; a later plan retries."""
    name = own_index_name(user_id)
    step = IndexStep(None, name, "its tenant was erased", False, True, False, 0.0, 0, False)
    try:
        builder = await IndexBuilder.open(url, statements)
        try:
            async with asyncio.timeout(_DROP_WAIT_S):
                await builder.apply(step)
        finally:
            await builder.close()
    except (CabinetError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        logger.warning(
            "could not drop index %s, whose tenant was erased; cabinet index apply drops it: %r", name, error
        )
        return False
    return True


async def index_turn(
    database: Database,
    url: str,
    min_rows: int,
    every_s: float,
    *,
    max_count: int = MAX_COUNT,
    memory_mb: int = MEMORY_MB,
) -> float:
    """Sleep `every_s` seconds, then build and drop indexes as planned."""
    await asyncio.sleep(every_s)
    try:
        await _take_steps(database, url, min_rows, max_count, memory_mb)
    except ConflictError:
        logger.info("another process is changing the tenants' indexes")
    except (CabinetError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        logger.warning("the tenants' indexes could not be changed: %r", error)
    return 0.0


async def _take_steps(database: Database, url: str, min_rows: int, max_count: int, memory_mb: int) -> None:
    if not await planned_steps(database, min_rows, max_count):
        return
    builder = await IndexBuilder.open(url, database.statements, memory_mb)
    try:
        # Planned again: another process may have run the steps before this one got the lock.
        for step in await planned_steps(database, min_rows, max_count):
            await builder.apply(step)
            logger.info("index %s: %s, because %s", step.index_name, step.action, step.reason)
    finally:
        await builder.close()
