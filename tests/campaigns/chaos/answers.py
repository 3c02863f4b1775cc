"""Sends the clients' requests, and checks every answer.

It must come in time, and be a success, an expected refusal, or 503 or 429 with Retry-After.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from tests.campaigns.chaos.ledger import Ledger
from tests.campaigns.chaos.programs import Program, Span

Outcome = Literal["acknowledged", "refused", "unknown"]

# A tolerance for busy machines, in addition to the stalls of this process, which are measured.
_SLACK_S = 2.0
_TICK_S = 0.05
_CONFLICT = "another request was changing the same rows"


@dataclass
class Answer:
    """The outcome of a request from the client's point of view."""

    outcome: Outcome
    status: int | None = None
    body: Any = None


class Judge:
    """The clients' only way to the servers. Broken promises are added to `violations`."""

    def __init__(self, ledger: Ledger, database_s: float, embedding_s: float) -> None:
        self.violations: list[str] = []
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.conflicts = 0
        self.troubles: list[Span] = []
        self.is_endpoint_wrong = False
        """Whether the embedding endpoint's answers make retries useless; then 503 has no Retry-After."""
        self._ledger = ledger
        self._database_s = database_s
        self._embedding_s = embedding_s
        self._stalls: list[tuple[float, float]] = []
        self._http = httpx.AsyncClient(
            timeout=None, trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def watch_stalls(self) -> None:
        """Record when this process itself did not run, until cancelled, since the servers did not cause these
        delays."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK_S)
            late_s = time.monotonic() - before - _TICK_S
            if late_s > _TICK_S:
                self._stalls.append((before, late_s))

    def expect(self, holds: bool, violation: str) -> None:
        """Record a violation."""
        if not holds:
            self.violations.append(violation)

    async def call(
        self,
        server: tuple[Program, str],
        method: str,
        path: str,
        key: str,
        *,
        user: str | None = None,
        refusals: frozenset[int] = frozenset(),
        searches: int = 0,
        **options: Any,
    ) -> Answer:
        """Send a request for `user`, which may be refused with these statuses, and which may be a search."""
        program, url = server
        life = program.lives[-1] if program.lives else None
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        deadline_s = self._database_s + (self._embedding_s if searches else 0)
        started_s = time.monotonic()
        response, fault = None, "no answer"
        try:
            async with asyncio.timeout(deadline_s + 20):
                response = await self._http.request(method, f"{url}{path}", headers=headers, **options)
        except TimeoutError:
            fault = "no answer"
        except httpx.HTTPError as error:
            fault = f"no answer: {error!r}"
        what = f"{method} {path[:60]} at {program.name}"
        answer = self._judged(program, what, started_s, deadline_s, response, fault, refusals)
        self.statuses[str(answer.status or "none")] += 1
        self._ledger.outcomes[answer.outcome] += 1
        if user is not None:
            was_run = answer.outcome == "acknowledged" or answer.status in refusals
            self._ledger.use(user, life, is_certain=was_run, is_stored=None, requests=1)
            if searches:
                is_certain = answer.outcome == "acknowledged"
                self._ledger.use(user, life, is_certain=is_certain, is_stored=None, searches=searches)
        return answer

    def _judged(
        self,
        program: Program,
        what: str,
        started_s: float,
        deadline_s: float,
        response: httpx.Response | None,
        fault: str,
        refusals: frozenset[int],
    ) -> Answer:
        ended_s = time.monotonic()
        is_disturbed = program.was_disturbed(started_s, ended_s)
        took_s = ended_s - started_s - self._stalled_s(started_s, ended_s)
        if not is_disturbed:
            self.seconds.append(took_s)
            self.expect(took_s <= deadline_s + _SLACK_S, f"late: {what} took {took_s:.1f} s")
        if response is None:
            self.expect(is_disturbed, f"{what}: {fault} after {took_s:.1f} s")
            return Answer("unknown")
        status = response.status_code
        body = _body(response)
        if status < 300:
            return Answer("acknowledged", status, body)
        if status in refusals:
            return Answer("refused", status, body)
        if status in (429, 503):
            says_when = "retry-after" in response.headers or self.is_endpoint_wrong
            self.expect(says_when, f"{what}: {status} without Retry-After: {body}")
            is_troubled = is_disturbed or any(trouble.overlaps(started_s, ended_s) for trouble in self.troubles)
            # One of two changes of the same rows must be retried.
            is_conflict = _CONFLICT in str(body)
            self.conflicts += is_conflict
            is_explained = status == 429 or is_troubled or is_conflict
            self.expect(is_explained, f"{what}: 503 although nothing is wrong: {body}")
            return Answer("unknown" if status == 503 else "refused", status, body)
        reason = program.log_about(response.headers.get("x-request-id", "no id"))
        self.violations.append(f"{what}: unexpected {status}: {reason or str(body)[:300]}")
        return Answer("unknown" if status >= 500 else "refused", status, body)

    def _stalled_s(self, started_s: float, ended_s: float) -> float:
        return sum(late_s for at_s, late_s in self._stalls if started_s - late_s <= at_s <= ended_s)


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text
