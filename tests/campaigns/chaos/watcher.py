"""Looks at the queue several times a second: how soon the jobs of a dead worker are taken over, and whether a healthy
worker loses one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.campaigns.chaos.postgres import Postgres
from tests.campaigns.chaos.programs import Program, Span

_EVERY_S = 0.2
# After a pause of the watcher itself of this length, the events meanwhile are not checked.
_BLIND_S = 0.8
_TAKEOVER_S = 15.0
# A silently lost connection is abandoned after the time limit of a statement.
_NOTICED_S = 5.0

_JOBS = """
    select j.user_id, j.document_id, j.attempt, j.worker, j.due_at > now() as is_leased
    from ingestion_jobs as j"""


@dataclass
class _Seen:
    attempt: int
    worker: str | None
    is_leased: bool
    since_s: float


@dataclass
class _Orphan:
    worker: str
    attempt: int
    since_s: float


class Watcher:
    """Watches the queue past the proxy, until cancelled. `takeovers_s` and `violations` are its result."""

    def __init__(self, postgres: Postgres, programs: list[Program], lease_s: float) -> None:
        self.takeovers_s: list[float] = []
        self.violations: list[str] = []
        self.outages: list[Span] = []
        self._postgres = postgres
        self._programs = programs
        self._lease_s = lease_s
        self._seen: dict[Any, _Seen] = {}
        self._orphans: dict[Any, _Orphan] = {}
        self._looked_s = 0.0

    def orphan(self, program: Program) -> None:
        """Expect that others take over the jobs of this program, which is about to be killed or frozen."""
        worker = program.worker
        for key, seen in self._seen.items():
            if seen.worker == worker and seen.is_leased:
                self._orphans[key] = _Orphan(worker, seen.attempt, time.monotonic())

    async def run(self) -> None:
        """Poll the queue repeatedly."""
        while True:
            try:
                connection = await self._postgres.connect()
                try:
                    while True:
                        self._look(await connection.fetch(_JOBS))
                        await asyncio.sleep(_EVERY_S)
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(_EVERY_S)

    def overdue(self) -> list[str]:
        """The jobs that should already have been taken over."""
        return [
            f"takeover: the document {key[1]} of {orphan.worker} waits for {self._waited_s(orphan):.1f} s"
            for key, orphan in self._orphans.items()
            if self._waited_s(orphan) > self._lease_s + _TAKEOVER_S
        ]

    def _look(self, rows: list[asyncpg.Record]) -> None:
        now_s = time.monotonic()
        is_blind = now_s - self._looked_s > _BLIND_S
        self._looked_s = now_s
        found = {(row["user_id"], row["document_id"]): row for row in rows}
        for key, orphan in list(self._orphans.items()):
            row = found.get(key)
            if row is None or row["attempt"] != orphan.attempt:
                del self._orphans[key]
                waited_s = self._waited_s(orphan)
                self.takeovers_s.append(waited_s)
                if waited_s > self._lease_s + _TAKEOVER_S:
                    self.violations.append(f"takeover: the document {key[1]} waited for {waited_s:.1f} s")
        before, self._seen = self._seen, {}
        for key, row in found.items():
            last = before.get(key)
            is_same = last is not None and (last.attempt, last.worker) == (row["attempt"], row["worker"])
            since_s = last.since_s if last is not None and is_same else now_s
            self._seen[key] = _Seen(row["attempt"], row["worker"], row["is_leased"], since_s)
            if last is None or is_blind or last.worker is None:
                continue
            # Other chunks, or other bytes, that a client asks for raise the attempt by two and leave no worker.
            if row["worker"] is not None and row["attempt"] == last.attempt + 1:
                self._check_loss(key, last, row["worker"], now_s)

    def _check_loss(self, key: Any, last: _Seen, worker: str, now_s: float) -> None:
        """A claim that another follows without a release in between: only the lease of a disturbed worker ends so."""
        begin_s = now_s - 2 * self._lease_s - _BLIND_S
        holder = next((each for each in self._programs if each.lives and each.worker == last.worker), None)
        if holder is None or holder.was_disturbed(begin_s, now_s):
            return
        if any(outage.overlaps(begin_s - _NOTICED_S, now_s) for outage in self.outages):
            return
        if now_s - last.since_s > self._lease_s:
            self.violations.append(
                f"lease: {holder.name} lost the document {key[1]} to {worker} after {now_s - last.since_s:.1f} s, "
                "although it was at work"
            )

    def _waited_s(self, orphan: _Orphan) -> float:
        """Seconds since the worker was lost, or since the database was whole again, if that was later."""
        ends = [outage.end_s for outage in self.outages if outage.end_s >= orphan.since_s]
        return max(0.0, time.monotonic() - max([orphan.since_s, *ends]))
