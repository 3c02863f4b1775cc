"""Ends sessions of stopped processes, whose locks would otherwise be held until the process continues.

A session that reads the rest of a message (the rows of a COPY) can neither be cancelled nor does a timeout end it. So
every worker looks for sessions that have been waiting for their client for longer than any statement may take.
"""

from __future__ import annotations

import logging

from svc.database.queries import Database
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

_EVERY_S = 2.0
_SPARE_S = 1.0
_MOST_SESSIONS = 100


async def stalled_turn(database: Database, statement_timeout_s: float) -> float:
    """End the sessions that have stalled. Returns the seconds to rest."""
    try:
        rows = await database.many("jobs/end_stalled", silent_s=statement_timeout_s + _SPARE_S, max_rows=_MOST_SESSIONS)
    except CabinetError as error:
        logger.debug("sessions were not examined: %s", error.detail)
        return _EVERY_S
    for row in rows:
        logger.warning(
            "ended session %d, whose process has sent nothing for %.0f s: %s", row.pid, row.silent_s, row.statement
        )
    return _EVERY_S
