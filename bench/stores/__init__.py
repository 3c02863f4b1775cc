"""The stores that `bench.peers` compares: Cabinet and its peers with one interface and the same rows."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

LIMIT = 10
"""Results of a search."""
CHUNKS_A_DOCUMENT = 20
Vectors = NDArray[np.float32]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Tenant:
    """A tenant: the number of their first row among all rows, and their vectors, shape (count, dimensions)."""

    name: str
    first: int
    vectors: Vectors

    @property
    def numbers(self) -> range:
        """The numbers of their rows."""
        return range(self.first, self.first + len(self.vectors))


@dataclass(frozen=True)
class Query:
    """A query as an array, and as the shortest decimal numbers that represent it, for stores that use JSON."""

    vector: Vectors
    numbers: list[float]


@dataclass(frozen=True)
class Answer:
    """The numbers of the rows that a search found, and its milliseconds."""

    milliseconds: float
    numbers: Sequence[int]


def text_of(number: int) -> str:
    """The text of a row, 1,088 characters as in Cabinet's synthetic chunks, which every store stores and returns."""
    return f"The text of the made-up chunk {UUID(int=number)}. " * 16


class Store(ABC):
    """A store with all rows, and the settings under which it is searched.

    `load_s` and `index_s` are the seconds that loading and building the indexes took; an `index_s` of None means that
    the indexes were built while loading.
    """

    name: str
    settings: Sequence[str]
    load_s: float = 0.0
    index_s: float | None = None

    async def fill(self, tenants: Sequence[Tenant], advance: Advance) -> None:
        """Load all tenants, report the stored rows to `advance`, and build the indexes."""
        started = time.perf_counter()
        for tenant in tenants:
            await self.load(tenant)
            advance(len(tenant.vectors))
        loaded = time.perf_counter()
        self.load_s = loaded - started
        if await self.build_indexes():
            self.index_s = time.perf_counter() - loaded

    @abstractmethod
    async def load(self, tenant: Tenant) -> None:
        """Store the rows of a tenant."""

    @abstractmethod
    async def build_indexes(self) -> bool:
        """Build the indexes after the rows are stored; return False if there are none to build."""

    @abstractmethod
    async def disk_bytes(self) -> int:
        """Bytes on the disk."""

    @abstractmethod
    async def search(self, setting: str, tenant: Tenant, query: Query) -> Sequence[int]:
        """The numbers of the rows found."""

    async def answer(self, setting: str, tenant: Tenant, query: Query) -> Answer:
        """Search, timed from the query's vector to the rows found."""
        started = time.perf_counter()
        numbers = await self.search(setting, tenant, query)
        return Answer((time.perf_counter() - started) * 1000, numbers)

    async def rate(self, setting: str, tenant: Tenant, queries: Sequence[Query], clients: int, seconds: float) -> float:
        """Searches per second with this number of clients, each of which waits for the answer to its last search."""
        started = time.perf_counter()
        finished = await asyncio.gather(
            *(self._client(setting, tenant, queries[client:], started + seconds) for client in range(clients))
        )
        return sum(finished) / (time.perf_counter() - started)

    async def _client(self, setting: str, tenant: Tenant, queries: Sequence[Query], until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            await self.search(setting, tenant, queries[count % len(queries)])
            count += 1
        return count

    async def plan(self, setting: str, tenant: Tenant, query: Query) -> str | None:
        """The plan of a search with its measurements, if the store provides one."""
        return None


def folder_bytes(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
