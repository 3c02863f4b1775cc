"""The targets of the faults: the processes, the network, the database and the embedding endpoint of one campaign."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.chaos.answers import Judge
from tests.campaigns.chaos.clients import Client
from tests.campaigns.chaos.commands import Commands
from tests.campaigns.chaos.disk import Disk
from tests.campaigns.chaos.postgres import Postgres
from tests.campaigns.chaos.programs import Program, Span
from tests.campaigns.chaos.watcher import Watcher
from tests.embedding_endpoint import EmbeddingEndpoint
from tests.proxy import Proxy

LEASE_S = 3.0
STOP_WITHIN_S = 20.0
# Seconds for an embedding call, so that workers hold documents for a while.
EMBEDDING_S = 0.25
_STARTS = 60


@dataclass
class Scene:
    """The parts of a campaign. `disk` is None if none could be mounted, for the reason in `why_no_disk`."""

    postgres: Postgres
    proxy: Proxy
    endpoint: EmbeddingEndpoint
    servers: list[Program]
    workers: list[Program]
    judge: Judge
    watcher: Watcher
    commands: Commands
    disk: Disk | None
    why_no_disk: str
    clients: list[Client] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    is_round_disturbed: bool = False
    """Whether the database or the network was disturbed in this round."""
    _disturbances: int = 0

    @property
    def programs(self) -> list[Program]:
        """The servers and the workers."""
        return [*self.servers, *self.workers]

    @property
    def is_database_disturbed(self) -> bool:
        """Whether a fault of the database or of the network is active."""
        return self._disturbances > 0

    @contextmanager
    def database_disturbed(self) -> Iterator[None]:
        """Mark the block as one in which the database may not be reached."""
        self._disturbances += 1
        self.is_round_disturbed = True
        span = Span("database", time.monotonic())
        self.watcher.outages.append(span)
        try:
            yield
        finally:
            self._disturbances -= 1
            span.end_s = time.monotonic()

    def note(self, figure: str, seconds: float) -> None:
        """Add a measurement to the report."""
        self.figures[figure].append(seconds)

    async def value(self, query: str, *arguments: Any) -> Any:
        """The value of a query that bypasses the proxy."""
        connection = await self.postgres.connect()
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            connection.terminate()

    async def start(self, program: Program) -> None:
        """Start a program like its supervisor: retry while the database cannot be reached."""
        for _ in range(_STARTS):
            if await program.start():
                return
            self.counts["starts that failed"] += 1
            await asyncio.sleep(0.3)
            if program.hangs:
                break
        self.judge.violations.append(f"{program.name} does not start: {program.log_end()}")

    async def revive_postgres(self) -> None:
        """Start PostgreSQL if it has ended, and wait until it answers."""
        started_s = time.monotonic()
        await self.postgres.start()
        self.note("PostgreSQL started", time.monotonic() - started_s)

    async def heal(self) -> None:
        """End every fault, and return when PostgreSQL answers."""
        self.proxy.heal()
        if self.disk is not None:
            self.disk.free()
        self.postgres.signal(signal.SIGCONT)
        self.endpoint.well()
        self.endpoint.delay_s = EMBEDDING_S
        await self.revive_postgres()
        for program in self.programs:
            program.thaw()
