"""The processor time of the server for a search: of its process, without the client, the wire and other programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.servers import benchmark_connection
from svc.database.by_name import bind
from svc.database.queries import Database
from svc.search.lanes import Found
from svc.settings import Settings

_NS_A_MS = 1e6


class Backend:
    """Runs statements on two connections, one for statements that are planned once, and one for the others."""

    def __init__(self, database: Database, ordinary: Any, generic: Any) -> None:
        self._database = database
        self._connections = {False: ordinary, True: generic}

    async def processor_ms(self, found: Found[Any]) -> float | None:
        """Milliseconds for the statement of a search; None where the kernel does not tell them (only Linux does)."""
        statement = self._database.statements[found.statement]
        connection = self._connections[statement.is_generic]
        prepared = await connection.prepare(statement.text)
        values = bind(statement, found.arguments)
        clock = Path(f"/proc/{connection.get_server_pid()}/schedstat")
        if not clock.exists():
            return None
        # The first run on a connection plans the statement.
        await prepared.fetch(*values)
        before = int(clock.read_text().split()[0])
        await prepared.fetch(*values)
        return (int(clock.read_text().split()[0]) - before) / _NS_A_MS


@asynccontextmanager
async def open_backend(database: Database, settings: Settings, url: str) -> AsyncIterator[Backend]:
    """The connections, whose server must be on this machine."""
    async with (
        benchmark_connection(url, settings) as ordinary,
        benchmark_connection(url, settings, plan_cache_mode="force_generic_plan") as generic,
    ):
        yield Backend(database, ordinary, generic)
