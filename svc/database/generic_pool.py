"""The connections for statements that are planned once: those whose header says `plan: generic`.

Planning takes half of the time of a short search. These connections keep the plan of a statement, whereas ordinary
connections plan each run for its values. If none is free or can be opened, the statement runs on an ordinary
connection, with the same rows.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from svc.database.opening import open_pool
from svc.database.pool import Loan, Pool
from svc.database.rows import ROW_CLASSES
from svc.database.session_check import lost_settings, required
from svc.database.session_settings import generic_session_settings
from svc.database.shares import Places
from svc.database.statements import Statement
from svc.errors import DatabaseUnavailableError
from svc.settings.database import DatabaseSettings

logger = logging.getLogger(__name__)

# After a connection could not be opened, none is tried for this number of seconds.
_REST_S = 5.0


class GenericPool:
    """Lends connections with generic plans, or ordinary ones instead."""

    def __init__(self, pool: Pool, places: Places, ordinary: Pool) -> None:
        self.pool = pool
        self.ordinary = ordinary
        self._places = places
        self._unused_until = 0.0

    def connection(self) -> Loan:
        """Lend a connection, as `Pool.connection` does, which raises the same errors."""
        if self._places.free < 1 or time.monotonic() < self._unused_until:
            return self.ordinary.connection()
        return _GenericLoan(self)

    def rest(self, seconds: float = _REST_S) -> None:
        """Lend only ordinary connections for this number of seconds."""
        self._unused_until = time.monotonic() + seconds

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()


class _GenericLoan(Loan):
    """A connection with generic plans, or an ordinary one if that cannot be opened."""

    __slots__ = ("_generic",)

    def __init__(self, generic: GenericPool) -> None:
        super().__init__(generic.pool, can_wait=False)
        self._generic = generic

    async def __aenter__(self) -> Any:
        """Take a connection; raises the errors of `Pool.connection`."""
        try:
            return await super().__aenter__()
        except DatabaseUnavailableError:
            self._generic.rest()
            self._pool = self._generic.ordinary
            return await super().__aenter__()


async def open_generic_pool(
    settings: DatabaseSettings, url: str, statements: Mapping[str, Statement], ordinary: Pool
) -> GenericPool | None:
    """Prepare the pool, whose connections are opened when they are needed; None if the settings allow none."""
    if not settings.generic_pool_size:
        return None
    session = generic_session_settings(settings)
    names = list(required(session))
    check = statements["server/session_settings"]

    async def examine(connection: Any) -> None:
        rows = await connection.fetch(check.text, names, len(names), record_class=ROW_CLASSES[check.name])
        if lost := lost_settings(rows, session):
            logger.warning(
                "searches are planned for each run, because something in between drops settings of connections, "
                "usually a connection pooler: %s. CABINET_GENERIC_POOL_SIZE=0 saves these connections",
                "; ".join(lost),
            )
            generic.rest(math.inf)

    places = Places(settings.generic_pool_size)
    pool = await open_pool(settings, url, statements["server/vector_schema"], session, places, examine=examine)
    # `examine` runs when the first of its connections is opened, which is later.
    generic = GenericPool(pool, places, ordinary)
    return generic
