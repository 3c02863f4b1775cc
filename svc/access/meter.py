"""Counts the usage of each user in memory: requests, searches, and the tokens of queries.

Other usage is added to the ledger by the statement that does the work. A write for each search would cost more than the
search, so these counts are added to the ledger once a second, for all users in one statement, and when the server
stops. A server that is killed loses the counts of its last second.

Each flush has a number. If the reply to its COMMIT is lost, the next flush sends the same counts with the same number,
and the database adds them only once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from uuid import UUID, uuid4

from svc import metrics
from svc.access.quotas import Quota
from svc.background import Background
from svc.database.deadlocks import again_after_deadlock
from svc.database.queries import Database, Transaction
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
# Limits the users in one statement, since it holds the locks of all of them until it ends.
_USERS_AT_ONCE = 1000
# Limits the memory to about 20 MB while the database is unavailable. Further users are not counted.
_MOST_USERS = 50_000
# Limits the seconds of the last flush, when the server stops.
_LAST_FLUSH_S = 3.0
_PROCESSES_FORGOTTEN = 100


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    searches: int = 0
    tokens: int = 0


class UsageMeter:
    """Counts in memory and adds the counts to the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._source = uuid4()
        self._counts: dict[tuple[UUID, date], _Counts] = {}
        # A flush that may not be in the ledger yet, and its number.
        self._leaving: dict[tuple[UUID, date], _Counts] = {}
        self._number = 0
        self._flushing = asyncio.Lock()

    def add(self, user_id: UUID, *, requests: int = 0, searches: int = 0, tokens: int = 0) -> None:
        """Add to the counts of a user for today (UTC)."""
        key = user_id, datetime.now(UTC).date()
        counts = self._counts.get(key)
        if counts is None:
            if len(self._counts) >= _MOST_USERS:
                metrics.usage_lost_total.inc()
                return
            counts = self._counts[key] = _Counts()
        counts.requests += requests
        counts.searches += searches
        counts.tokens += tokens

    def check_tokens(self, user_id: UUID, tokens: Quota, more: int) -> None:
        """Check that the plan allows `more` tokens. `tokens` is the quota that the authenticator read.

        Raises:
            QuotaExceededError: the plan's tokens of this month are used up.
        """
        if tokens.allowed is not None:
            key = user_id, datetime.now(UTC).date()
            counted = sum(counts[key].tokens for counts in (self._counts, self._leaving) if key in counts)
            replace(tokens, used=tokens.used + counted).check(more)

    async def flush(self) -> None:
        """Add the counts to the ledger, but none of the requests that arrive meanwhile: they would keep it busy for
        ever. Counts that could not be added are kept for the next call.

        Raises:
            CabinetError: the statement failed.
        """
        async with self._flushing:
            due = list(self._counts)
            if self._leaving:
                await self._send()
            for start in range(0, len(due), _USERS_AT_ONCE):
                self._leaving = {key: self._counts.pop(key) for key in due[start : start + _USERS_AT_ONCE]}
                self._number += 1
                await self._send()

    async def _send(self) -> None:
        await again_after_deadlock(partial(self._hand_over, self._leaving))
        self._leaving = {}

    async def _hand_over(self, counted: Mapping[tuple[UUID, date], _Counts]) -> None:
        async with self._database.transaction() as transaction:
            if await transaction.exec("usage/note_flush", source=self._source, sequence=self._number):
                await self._add(transaction, counted)
        if self._number == 1:
            await self._database.exec("usage/forget_flushes", max_rows=_PROCESSES_FORGOTTEN)

    async def _add(self, transaction: Transaction, counted: Mapping[tuple[UUID, date], _Counts]) -> None:
        await transaction.exec(
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
    meter = UsageMeter(database)

    async def turn() -> float:
        await _flush_or_warn(meter)
        return _EVERY_S

    flushing = background.keep(turn, name="usage")
    try:
        yield meter
    finally:
        # A cancelled flush is sent again with the same number.
        await flushing.stop()
        try:
            async with asyncio.timeout(_LAST_FLUSH_S):
                await _flush_or_warn(meter)
        except TimeoutError:
            logger.warning("the database does not answer: the usage of the last seconds is lost")
