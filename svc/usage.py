"""What a process counts by itself of each user's use: requests, searches, and the tokens of their queries.

Everything else is added up in the statement that does the work. A write beside each search would cost more than the
search, so these counts are added to the ledger once a second, all users' in one statement, and at the end of the
process. A process that is killed loses those of its last second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

from svc.database.queries import Database
from svc.errors import CabinetError
from svc.quotas import Quota

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
# Users in one statement; each holds its locks until the statement ends.
_USERS_AT_ONCE = 1000


@dataclass
class _Counts:
    requests: int = 0
    searches: int = 0
    tokens: int = 0

    def add(self, other: _Counts) -> None:
        self.requests += other.requests
        self.searches += other.searches
        self.tokens += other.tokens


class UsageMeter:
    """Counts in memory, and hands over to the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[tuple[UUID, date], _Counts] = {}

    def add(self, user_id: UUID, *, requests: int = 0, searches: int = 0, tokens: int = 0) -> None:
        """Count something that a user did just now."""
        counts = self._counts.setdefault((user_id, datetime.now(UTC).date()), _Counts())
        counts.requests += requests
        counts.searches += searches
        counts.tokens += tokens

    def check_tokens(self, user_id: UUID, tokens: Quota, more: int) -> None:
        """Refuse a query of `more` tokens that the plan has not left; `tokens` is what was known some seconds ago.

        Raises:
            QuotaExceededError: the plan's tokens of this month are used up.
        """
        if tokens.allowed is not None:
            counted = self._counts.get((user_id, datetime.now(UTC).date()), _Counts())
            replace(tokens, used=tokens.used + counted.tokens).check(more)

    async def flush(self) -> None:
        """Add what was counted to the ledger; what could not be added is kept for the next time.

        Raises:
            CabinetError: the database does not answer.
        """
        while self._counts:
            keys = list(self._counts)[:_USERS_AT_ONCE]
            counted = {key: self._counts.pop(key) for key in keys}
            try:
                await self._database.exec(
                    "usage/flush",
                    users=[user_id for user_id, _ in counted],
                    days=[day for _, day in counted],
                    requests=[counts.requests for counts in counted.values()],
                    searches=[counts.searches for counts in counted.values()],
                    tokens=[counts.tokens for counts in counted.values()],
                )
            except BaseException:
                for key, counts in counted.items():
                    self._counts.setdefault(key, _Counts()).add(counts)
                raise


async def _keep_flushing(meter: UsageMeter) -> None:
    while True:
        await asyncio.sleep(_EVERY_S)
        await _flush_or_warn(meter)


async def _flush_or_warn(meter: UsageMeter) -> None:
    try:
        await meter.flush()
    except CabinetError as error:
        logger.warning("what was used in the last second is not in the ledger yet: %s", error.detail)


@asynccontextmanager
async def running_meter(database: Database) -> AsyncIterator[UsageMeter]:
    """A meter that hands over once a second, and a last time after the block."""
    meter = UsageMeter(database)
    flushing = asyncio.create_task(_keep_flushing(meter), name="usage")
    try:
        yield meter
    finally:
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        await _flush_or_warn(meter)
