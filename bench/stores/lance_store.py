"""LanceDB in this process, with its data on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import Bitmap, BTree, IvfPq, IvfRq

from bench.stores import CHUNKS_A_DOCUMENT, LIMIT, Advance, Query, Store, Tenant, folder_bytes, text_of

# The parameters in LanceDB's pages on indexes.
_ROWS_A_PARTITION = 4096
_DIMENSIONS_A_SUB_VECTOR = 8
_LARGEST_FOR_PQ = 256
_MOST_VALUES_FOR_BITMAP = 1000
# Fewer rows cannot train an index, and a scan is faster.
_LEAST_ROWS_FOR_INDEX = 512

_SETTINGS: dict[str, Callable[[Any], Any]] = {
    "defaults": lambda query: query,
    "refine_factor 10": lambda query: query.refine_factor(10),
    "refine_factor 50": lambda query: query.refine_factor(50),
    "exhaustive": lambda query: query.bypass_vector_index(),
}


class LanceStore(Store):
    """One table, a scalar index on the tenant, which filters first, and an IVF index on the vectors."""

    name = "LanceDB"
    settings = tuple(_SETTINGS)

    def __init__(self, table: Any, schema: Any, folder: Path, dimensions: int, tenant_count: int) -> None:
        self._table = table
        self._schema = schema
        self._folder = folder
        self._dimensions = dimensions
        self._tenant_count = tenant_count

    async def load(self, tenant: Tenant) -> None:
        """Add the rows in one batch."""
        numbers = np.asarray(tenant.numbers)
        columns = {
            "number": numbers,
            "tenant": [tenant.name] * len(numbers),
            "document": numbers // CHUNKS_A_DOCUMENT,
            "text": [text_of(number) for number in tenant.numbers],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(tenant.vectors.ravel()), self._dimensions),
        }
        await self._table.add(pa.table(columns, schema=self._schema))

    async def build_indexes(self) -> bool:
        """Compact, then build both indexes."""
        await self._table.optimize()
        few = self._tenant_count < _MOST_VALUES_FOR_BITMAP
        await self._table.create_index("tenant", config=Bitmap() if few else BTree())
        rows = await self._table.count_rows()
        if rows >= _LEAST_ROWS_FOR_INDEX:
            partitions = max(1, rows // _ROWS_A_PARTITION)
            config = (
                IvfPq(
                    distance_type="cosine",
                    num_partitions=partitions,
                    num_sub_vectors=max(1, self._dimensions // _DIMENSIONS_A_SUB_VECTOR),
                )
                if self._dimensions <= _LARGEST_FOR_PQ
                else IvfRq(distance_type="cosine", num_partitions=partitions)
            )
            await self._table.create_index("vector", config=config)
        return True

    async def disk_bytes(self) -> int:
        """Bytes of the database's folder."""
        return folder_bytes(self._folder)

    async def search(self, setting: str, tenant: Tenant, query: Query) -> Sequence[int]:
        """Search the rows that pass the filter, and fetch the columns of Cabinet's answer."""
        answer = await self._query(setting, tenant, query).to_arrow()
        numbers: list[int] = answer["number"].to_pylist()
        return numbers

    async def plan(self, setting: str, tenant: Tenant, query: Query) -> str | None:
        """The plan, with the measurements of each step."""
        return str(await self._query(setting, tenant, query).analyze_plan())

    def _query(self, setting: str, tenant: Tenant, query: Query) -> Any:
        found = self._table.query().where(f"tenant = '{tenant.name}'").nearest_to(query.vector)
        found = found.distance_type("cosine").limit(LIMIT).select(["number", "document", "text", "_distance"])
        return _SETTINGS[setting](found)


@asynccontextmanager
async def lance_store(
    folder: Path, dimensions: int, tenants: Sequence[Tenant], advance: Advance
) -> AsyncIterator[LanceStore]:
    """LanceDB with all tenants."""
    database = await lancedb.connect_async(str(folder))
    schema = pa.schema(
        [
            ("number", pa.int64()), ("tenant", pa.string()), ("document", pa.int64()), ("text", pa.string()),
            ("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )  # fmt: skip
    table = await database.create_table("chunks", schema=schema)
    store = LanceStore(table, schema, folder, dimensions, len(tenants))
    await store.fill(tenants, advance)
    try:
        yield store
    finally:
        database.close()
