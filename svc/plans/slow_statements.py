"""Logs slow statements: name, time, rows, and the types and sizes of the parameters, never their values. At intervals,
the plan is also logged, which is read on a separate connection after the answer was sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from svc import metrics
from svc.background import Background
from svc.database.failures import sqlstate
from svc.database.headers import Parameter
from svc.database.queries import Database, open_database
from svc.database.statements import Statement
from svc.database.suitability import check_writable
from svc.errors import CabinetError
from svc.log_format import SEVERAL_LINES
from svc.plans.drawing import plain
from svc.plans.explain import Explainer, has_plan
from svc.settings.database import DatabaseSettings

logger = logging.getLogger(__name__)

# The unit of a value's size, for the types with a size.
_UNITS = {"text": "characters", "varchar": "characters", "bytea": "bytes", "halfvec": "dimensions", "jsonb": "keys"}


class SlowStatements:
    """Logs statements that take at least `threshold_s`, and their generic plans, which do not depend on values: one
    plan at a time, and at most one per statement in `slow_plan_s`."""

    def __init__(
        self, settings: DatabaseSettings, url: str, statements: Mapping[str, Statement], background: Background
    ) -> None:
        self.threshold_s = settings.slow_statement_ms / 1000
        self._settings = settings
        self._url = url
        self._statements = statements
        self._background = background
        self._planned_at: dict[str, float] = {}
        self._planning: asyncio.Task[None] | None = None

    def note(
        self, statement: Statement, values: Sequence[Any], seconds: float, outcome: int | BaseException | None
    ) -> None:
        """Log one; see `svc.database.queries.Watch`."""
        metrics.slow_statements_total.labels(statement.name).inc()
        parameters = ", ".join(map(described, statement.parameters, values)) or "none"
        logger.warning(
            "slow statement %s: %.0f ms, %s; parameters: %s",
            statement.name, seconds * 1000, _outcome(outcome), parameters,
        )  # fmt: skip
        if self._wants_plan(statement):
            self._planned_at[statement.name] = time.monotonic()
            # In a separate context, so that it does not inherit the statement's connection and statistics.
            self._planning = self._background.once(
                self._log_plan(statement), name="slow-statements", context=contextvars.Context()
            )

    async def close(self) -> None:
        """Cancel the plan that is being read."""
        if self._planning is not None:
            self._planning.cancel()
            await asyncio.gather(self._planning, return_exceptions=True)

    def _wants_plan(self, statement: Statement) -> bool:
        every_s = self._settings.slow_plan_s
        if not every_s or not has_plan(statement) or (self._planning is not None and not self._planning.done()):
            return False
        planned_at = self._planned_at.get(statement.name)
        return planned_at is None or time.monotonic() - planned_at >= every_s

    async def _log_plan(self, statement: Statement) -> None:
        try:
            explainer = await Explainer.open(self._settings, self._url, self._statements, "generic")
            try:
                plan = await explainer.estimate(statement)
            finally:
                await explainer.close()
        except CabinetError as error:
            logger.warning("cannot read the plan of slow statement %s: %s", statement.name, error)
            return
        lines = plain(plan).replace("\n", "\n    ")
        logger.warning(
            "the plan of slow statement %s, for any values:\n    %s", statement.name, lines, extra=SEVERAL_LINES
        )


@asynccontextmanager
async def watched_database(settings: DatabaseSettings, url: str, background: Background) -> AsyncIterator[Database]:
    """Open the database of a running service for the block, and log slow statements if the settings say so.

    Raises:
        StartupError: see `open_database`; or the database is read-only.
    """
    database = await open_database(settings, url)
    try:
        check_writable(await database.one("server/database"))
    except BaseException:
        await database.close()
        raise
    slow = SlowStatements(settings, url, database.statements, background) if settings.slow_statement_ms else None
    database.watch = slow
    try:
        yield database
    finally:
        if slow is not None:
            await slow.close()
        await database.close()


def described(parameter: Parameter, value: Any) -> str:
    """Describes a parameter without its value: name, type and size."""
    text = f"{parameter.name} {parameter.type}"
    if value is None:
        return f"{text} null"
    if parameter.type.endswith("[]"):
        return f"{text} of {len(value)}"
    unit = _UNITS.get(parameter.type)
    return text if unit is None else f"{text} of {len(value)} {unit}"


def _outcome(outcome: int | BaseException | None) -> str:
    if isinstance(outcome, BaseException):
        return f"failed with {sqlstate(outcome)}"
    return "rows not counted" if outcome is None else f"{outcome} row{'' if outcome == 1 else 's'}"
