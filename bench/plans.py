"""The plans of timed statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


async def explain(connection: Any, statement: str, arguments: Sequence[Any]) -> str:
    """EXPLAIN (ANALYZE, BUFFERS) of a statement on an asyncpg connection; it is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(f"explain (analyze, buffers) {statement}", *arguments)
    finally:
        await transaction.rollback()
    return "\n".join(row[0] for row in rows)
