"""Plans the own indexes of large tenants: which are created and which are dropped; see `own_indexes`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from svc.database.queries import Database
from svc.database.rows import IndexesList
from svc.database.statements import Statement
from svc.vectors.signatures import has_own_directions, signature_bits

_MAX_TENANTS = 10_000
# The build time per row, measured on two cores: a minute for 200,000 signatures of 1,536 bits.
_BUILD_S_A_ROW = 300e-6
# The memory per row that a build needs for the graph, in addition to the signature.
_GRAPH_BYTES = 600
# From this number of rows on, an index needs more edges, or some searches miss rows. Signatures of rotations
# distinguish vectors less well and always need them.
_DENSE_MIN_ROWS = 100_000
PREFIX = "chunk_vectors_hnsw_"
"""The prefix of the names of these indexes; the tenant's id in hex follows."""
MAX_COUNT = 100
"""The maximum number of indexes. Each adds about 4 µs to the planning of every search, and a condition to every insert.
"""


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


def own_index_name(user_id: UUID) -> str:
    """The name of a tenant's own index, whether it exists or not."""
    return PREFIX + user_id.hex
