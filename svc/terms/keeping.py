"""Keeps terms complete and their samples recent, in the background of a worker."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from svc import metrics
from svc.database.queries import Database
from svc.errors import CabinetError
from svc.terms.backfill import Backfill
from svc.terms.samples import renew_sample, stale_tenants
from svc.terms.texts import StoredTerms

logger = logging.getLogger(__name__)

# All tenants are examined at this interval, some in each turn, because a worker may have died before it sampled its
# known tenants.
_ALL_EVERY_S = 300.0
_MOST_COUNTED = 10_000


class TermKeeper:
    """Each turn adds terms to some texts that have none, or renews samples. Rests `poll_s` if there is no such text."""

    def __init__(self, database: Database, terms: StoredTerms, poll_s: float) -> None:
        self._database = database
        self._terms = terms
        self._backfill = Backfill(database, terms)
        self._poll_s = poll_s
        self._examined_at = -_ALL_EVERY_S
        self._last_examined: UUID | None = None

    async def turn(self) -> float:
        """Do some of the work. Returns the seconds to rest."""
        try:
            is_behind = await self._backfill.step()
            if not is_behind:
                await self._renew_samples()
            waiting = await self._database.value("terms/waiting", max_rows=_MOST_COUNTED)
        except CabinetError as error:
            logger.warning("terms were not added or counted: %s", error.detail)
            return self._poll_s
        metrics.term_jobs.set(waiting)
        return 0.0 if is_behind else self._poll_s

    async def _renew_samples(self) -> None:
        grown = self._terms.grown
        now = time.monotonic()
        if self._last_examined is not None or now - self._examined_at >= _ALL_EVERY_S:
            stale, self._last_examined = await stale_tenants(self._database, self._last_examined)
            grown.update((user_id, "chunk") for user_id in stale)
            self._examined_at = now
        for tenant in list(grown):
            is_forced = tenant in self._terms.with_new_language
            await renew_sample(self._database, *tenant, is_forced=is_forced)
            grown.discard(tenant)
            self._terms.with_new_language.discard(tenant)
