"""The timings of statements from pg_stat_statements, if that extension is installed and loaded."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from svc.database.queries import Database
from svc.database.rows import CatalogueStatementTimes

_MAX_ROWS = 10_000


async def server_times(database: Database) -> Sequence[CatalogueStatementTimes] | None:
    """Text, calls, milliseconds and rows of each statement of the database; None without pg_stat_statements."""
    try:
        return await database.many("catalogue/statement_times", max_rows=_MAX_ROWS)
    except (asyncpg.UndefinedTableError, asyncpg.ObjectNotInPrerequisiteStateError):
        # Not installed here; or installed, but not loaded by the server.
        return None
