"""Plans, builds and drops the own indexes of large tenants while the service runs.

An HNSW index over all tenants loses rows when a search filters on one tenant, and its cost depends on the size of all
tenants. An index of one tenant has neither problem. It is built `concurrently`, so reads and writes continue. A build
that is killed leaves an invalid index, which the next plan rebuilds.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg

from svc.database.connecting import connect, disconnect
from svc.database.queries import Database
from svc.database.row_security import naming, reach_of
from svc.database.rows import IndexesList
from svc.database.statements import Statement
from svc.errors import CabinetError, ConflictError, StartupError
from svc.vectors.signatures import has_own_directions, signature_bits

logger = logging.getLogger(__name__)

_MAX_TENANTS = 10_000
# The build time per row, measured on two cores: a minute for 200,000 signatures of 1,536 bits.
_BUILD_S_A_ROW = 300e-6
# The memory per row that a build needs for the graph, in addition to the signature.
_GRAPH_BYTES = 600
# From this number of rows on, an index needs more edges, or some searches miss rows. Signatures of rotations
# distinguish vectors less well and always need them.
_DENSE_MIN_ROWS = 100_000
# Seconds that a request waits for the drop of an index, which waits for all transactions that could use the index.
_DROP_WAIT_S = 5.0
# Seconds for a short statement, and the least time for a build, which waits for older transactions. A build that takes
# ten times its estimate has lost its connection.
_ANSWER_S = 15.0
_LEAST_BUILD_S = 3600.0
_MOST_ESTIMATES = 10
PREFIX = "chunk_vectors_hnsw_"
"""The prefix of the names of these indexes; the tenant's id in hex follows."""
MAX_COUNT = 100
"""The maximum number of indexes. Each adds about 4 µs to the planning of every search, and a condition to every insert.
"""
MEMORY_MB = 1024
"""The memory that a build may use, in MB (maintenance_work_mem)."""


@dataclass(frozen=True)
class IndexStep:
    """One change to the indexes, with its reason and estimates of its time (seconds) and memory (MB).

    `user_id` is None for the index of an erased tenant. `has_index` is the new value of the tenant's column. `is_dense`
    gives the index more edges, for a large tenant.
    """

    user_id: UUID | None
    index_name: str
    reason: str
    creates: bool
    drops: bool
    has_index: bool
    estimate_s: float
    memory_mb: int
    is_dense: bool

    @property
    def action(self) -> Literal["create", "drop", "rebuild", "note"]:
        """The kind of change, as one word."""
        if self.creates:
            return "rebuild" if self.drops else "create"
        return "drop" if self.drops else "note"

    @property
    def lock(self) -> str:
        """The lock that the step takes, and its effect."""
        if self.action == "note":
            return "one row"
        return "SHARE UPDATE EXCLUSIVE on chunk_vectors: reads and writes continue; vacuum and schema changes wait"

    def ddl(self, statements: Mapping[str, Statement]) -> list[str]:
        """The statements of the step, in order."""
        names = []
        if self.drops:
            names.append("ddl/drop_own_index")
        if self.creates:
            names.append("ddl/own_dense_index" if self.is_dense else "ddl/own_index")
        # The comment identifies the statement in pg_stat_activity.
        texts = [f"-- {name}\n{statements[name].body}" for name in names]
        return [text.replace(":index", self.index_name).replace(":user_id", str(self.user_id)) for text in texts]


async def planned_steps(database: Database, min_rows: int, max_count: int = MAX_COUNT) -> list[IndexStep]:
    """Read the sizes of tenants and the existing indexes, and plan the steps; see `plan_indexes`."""
    rows = await database.many("indexes/list", min_rows=min_rows, max_rows=_MAX_TENANTS)
    model = await database.one("server/current_model")
    assert model is not None
    return plan_indexes(rows, min_rows, model.dimensions, max_count)


def plan_indexes(
    rows: Sequence[IndexesList], min_rows: int, dimensions: int, max_count: int = MAX_COUNT
) -> list[IndexStep]:
    """Returns the steps for the given rows of `indexes/list`. Drops come first, to free space.

    The largest tenants with at least `min_rows` vectors get an index, up to `max_count` of them. A tenant that already
    has one counts as twice as large, so that indexes are not dropped and rebuilt repeatedly.
    """
    weights = [_weight(row, min_rows) for row in rows]
    ranked = sorted((number for number, weight in enumerate(weights) if weight), key=lambda i: -weights[i])
    chosen = set(ranked[:max_count])
    too_many = f", and {max_count} tenants, the maximum number with an index, are larger"
    steps = []
    for number, row in enumerate(rows):
        reason = (
            too_many if weights[number] and number not in chosen else f", {_bound(row, number in chosen, min_rows)}"
        )
        steps.append(_step(row, number in chosen, reason, dimensions))
    return sorted((step for step in steps if step is not None), key=lambda step: step.creates)


def _weight(row: IndexesList, min_rows: int) -> int:
    """The tenant's number of rows, doubled if it already has an index; 0 if that is too few for an index."""
    count = row.chunk_count or 0
    weight = count * 2 if row.is_valid else count
    return weight if row.user_id is not None and weight >= min_rows else 0


def _bound(row: IndexesList, is_chosen: bool, min_rows: int) -> str:
    if is_chosen:
        return f"{min_rows} or more"
    return f"fewer than half of {min_rows}" if row.is_valid else f"fewer than {min_rows}"


def _step(row: IndexesList, is_chosen: bool, reason: str, dimensions: int) -> IndexStep | None:
    count, exists, is_valid = row.chunk_count or 0, row.index_name is not None, row.is_valid
    creates, drops = is_chosen and not is_valid, exists and not (is_chosen and is_valid)
    has_index = creates or (exists and not drops)
    if not creates and not drops and row.has_index == has_index:
        return None
    index_name = row.index_name
    if index_name is None:
        assert row.user_id is not None, "a row describes an index, a tenant, or both"
        index_name = own_index_name(row.user_id)
    return IndexStep(
        user_id=row.user_id,
        index_name=index_name,
        reason=_reason(row, is_chosen, f"{count} vectors{reason}"),
        creates=creates,
        drops=drops,
        has_index=has_index,
        estimate_s=count * _BUILD_S_A_ROW if creates else 0.0,
        memory_mb=math.ceil(count * (signature_bits(dimensions) / 8 + _GRAPH_BYTES) / 2**20) if creates else 0,
        is_dense=count >= _DENSE_MIN_ROWS or not has_own_directions(dimensions),
    )


def _reason(row: IndexesList, is_chosen: bool, size: str) -> str:
    if row.user_id is None:
        return "its tenant was erased"
    if row.index_name is not None and not row.is_valid:
        return "the index is invalid: its build did not finish"
    if row.index_name is None and not is_chosen:
        return "the index that the tenant is marked with does not exist"
    if row.is_valid and is_chosen:
        return "the index exists, but the tenant is not marked as having one"
    return size


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
        # A build has no time limit, and is several times as fast while the graph fits into memory.
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
                # Row level security, if it is on, also holds for the owner.
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


def own_index_name(user_id: UUID) -> str:
    """The name of a tenant's own index, whether it exists or not."""
    return PREFIX + user_id.hex


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
