"""The usage that a server counts in memory for each user: requests, searches, and the tokens of queries.

Other usage is added to the ledger by the statement that does the work. A write for each search would cost more than the
search, so these counts are added to the ledger once a second, for all users in one statement, and when the server
stops. A server that is killed loses the counts of its last second. If the answer of the database is lost, the counts of
one second may be added twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

from svc.access.quotas import Quota
from svc.background import Background
from svc.database.queries import Database
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
# Bounds the users in one statement, since the locks of all of them are held until it ends.
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
    """Counts in memory and adds the counts to the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[tuple[UUID, date], _Counts] = {}
        # Counts that a running statement is adding to the ledger.
        self._leaving: dict[tuple[UUID, date], _Counts] = {}
        self._flushing = asyncio.Lock()

    def add(self, user_id: UUID, *, requests: int = 0, searches: int = 0, tokens: int = 0) -> None:
        """Add to the counts of a user for today (UTC)."""
        counts = self._counts.setdefault((user_id, datetime.now(UTC).date()), _Counts())
        counts.requests += requests
        counts.searches += searches
        counts.tokens += tokens

    def check_tokens(self, user_id: UUID, tokens: Quota, more: int) -> None:
        """Check that the plan allows `more` tokens. `tokens` is the quota as the authenticator read it.

        Raises:
            QuotaExceededError: the plan's tokens of this month are used up.
        """
        if tokens.allowed is not None:
            key = user_id, datetime.now(UTC).date()
            counted = sum(counts[key].tokens for counts in (self._counts, self._leaving) if key in counts)
            replace(tokens, used=tokens.used + counted).check(more)

    async def flush(self) -> None:
        """Add the counts to the ledger. Counts that could not be added are kept for the next call.

        Raises:
            CabinetError: the statement failed.
        """
        async with self._flushing:
            while self._counts:
                keys = list(self._counts)[:_USERS_AT_ONCE]
                self._leaving = {key: self._counts.pop(key) for key in keys}
                try:
                    await self._hand_over(self._leaving)
                except BaseException:
                    for key, counts in self._leaving.items():
                        self._counts.setdefault(key, _Counts()).add(counts)
                    raise
                finally:
                    self._leaving = {}

    async def _hand_over(self, counted: Mapping[tuple[UUID, date], _Counts]) -> None:
        await self._database.exec(
            "usage/flush",
            users=[user_id for user_id, _ in counted],
            days=[day for _, day in counted],
            requests=[counts.requests for counts in counted.values()],
            searches=[counts.searches for counts in counted.values()],
            tokens=[counts.tokens for counts in counted.values()],
        )


async def _flush_or_warn(meter: UsageMeter) -> None:
    try:
        await meter.flush()
    except CabinetError as error:
        logger.warning("could not add the usage of the last second to the ledger; trying again: %s", error.detail)


@asynccontextmanager
async def running_meter(database: Database, background: Background) -> AsyncIterator[UsageMeter]:
    """Run a meter that flushes once a second, and a last time after the block."""
    meter, stopped = UsageMeter(database), asyncio.Event()

    async def turn() -> float:
        await _wait(stopped, _EVERY_S)
        await _flush_or_warn(meter)
        return 0.0

    flushing = background.keep(turn, name="usage")
    try:
        yield meter
    finally:
        # Not cancelled, since a cancelled statement may or may not have taken effect.
        stopped.set()
        await flushing.finish()
        await _flush_or_warn(meter)


async def _wait(event: asyncio.Event, most_s: float) -> None:
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        return
