"""Examines a database: runs the checks in turn and collects their outcomes.

It only reads, waits at most half a second for a lock, and runs one statement at a time, each within a time limit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from svc.database.failures import UNFIT
from svc.database.queries import Database, open_unchecked
from svc.database.session_settings import session_settings
from svc.doctor import (
    collections,
    configuration,
    counts,
    indexes,
    queues,
    recall,
    schema,
    sessions,
    tables,
    terms,
    versions,
)
from svc.doctor.checks import Check, Subject, Thresholds, Verdict
from svc.errors import CabinetError, InvalidRequestError
from svc.settings import Settings

logger = logging.getLogger(__name__)

Status = Literal["ok", "note", "unknown", "warning", "fault"]
STATUSES: tuple[Status, ...] = ("ok", "note", "unknown", "warning", "fault")
"""From best to worst."""

CHECKS: list[Check] = [
    *versions.CHECKS,
    *schema.CHECKS,
    *indexes.CHECKS,
    *tables.CHECKS,
    *configuration.CHECKS,
    *sessions.CHECKS,
    *queues.CHECKS,
    *counts.CHECKS,
    *terms.CHECKS,
    *collections.CHECKS,
    *recall.CHECKS,
]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check and its time in seconds. If the check could not run, it is unknown, with the reason."""

    check: Check
    status: Status
    verdict: Verdict
    seconds: float


def chosen_checks(only: Sequence[str]) -> list[Check]:
    """The checks with these names or in these groups; all checks if `only` is empty.

    Raises:
        InvalidRequestError: there is no check or group with a name.
    """
    names = {check.name for check in CHECKS} | {check.group for check in CHECKS}
    for name in only:
        if name not in names:
            raise InvalidRequestError(
                f"there is no check {name}; the checks are {', '.join(check.name for check in CHECKS)}"
            )
    return [check for check in CHECKS if not only or check.name in only or check.group in only]


@asynccontextmanager
async def opened_subject(settings: Settings, url: str, limits: Thresholds | None = None) -> AsyncIterator[Subject]:
    """Open the database at `url` for an examination, in any state.

    Raises:
        StartupError: the database does not answer, or refuses the login.
    """
    bounds = {
        "application_name": "cabinet doctor",
        "default_transaction_read_only": "on",
        # Other sessions queue behind a session that waits for a lock.
        "lock_timeout": "500",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
    }
    database = await open_unchecked(settings, url, bounds)
    try:
        dimensions = await _dimensions(database)
        if dimensions is not None:
            settings = settings.model_copy(update={"embedding_dimensions": dimensions})
        searching = await open_unchecked(settings, url, {**session_settings(settings), **bounds})
        try:
            yield Subject(url, settings, limits or Thresholds(), database, searching, dimensions)
        finally:
            await searching.close()
    finally:
        await database.close()


async def examine(subject: Subject, checks: Sequence[Check]) -> AsyncIterator[Outcome]:
    """Run the checks one after another, and yield the outcome of each."""
    for check in checks:
        started = time.perf_counter()
        try:
            verdict = await check.examine(subject)
            status: Status = max((one.severity for one in verdict.findings), key=STATUSES.index, default="ok")
        except CabinetError as error:
            verdict, status = Verdict(f"the check could not run: {error.detail}"), "unknown"
        except UNFIT as error:
            verdict, status = Verdict(f"the check could not run: {error}"), "unknown"
        yield Outcome(check, status, verdict, time.perf_counter() - started)


async def _dimensions(database: Database) -> int | None:
    try:
        row = await database.one("server/current_model")
    except UNFIT as error:
        logger.debug("no model is recorded: %s", error)
        return None
    return None if row is None else int(row.dimensions)
