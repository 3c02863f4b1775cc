"""The transaction in which a worker stores the results of a job.

A worker can be stopped at any point (SIGSTOP, a suspended machine). Limits for this transaction let the server end it
then, so that its locks are released within seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from svc.database.queries import Database, Transaction

# Below the time limit of statements, to distinguish a wait for a lock from a slow statement.
_LOCK_S = 5.0
# Between two statements a worker needs milliseconds.
_IDLE_S = 5.0
# Beyond the lease. Claims pass over a job whose results are being stored.
_SPARE_S = 10.0


@asynccontextmanager
async def storing(database: Database, lease_s: float, *, is_planned_once: bool = False) -> AsyncIterator[Transaction]:
    """Run the statements of the block in one transaction, which ends soon if this process is stopped.

    `is_planned_once`: the plans of its statements are kept, including those of the checks of foreign keys. Each
    statement of the block must have one plan that fits all values.

    Raises:
        RowsLockedError: another session held a lock for too long.
        DatabaseUnavailableError: the server has ended the transaction.
    """
    async with database.transaction() as transaction:
        await transaction.one(
            "jobs/limit_transaction",
            lock_ms=_ms(_LOCK_S),
            idle_ms=_ms(min(lease_s, _IDLE_S)),
            transaction_ms=_ms(lease_s + _SPARE_S),
            is_planned_once=is_planned_once,
        )
        yield transaction


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
