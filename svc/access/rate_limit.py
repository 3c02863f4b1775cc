"""The limit of requests per minute, and the headers that report it.

Each server counts separately. The minutes of different users start at different seconds, so that refused clients do not
all return at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from svc.errors import RateLimitedError

WINDOW_S = 60
_SWEPT_FROM = 10_000


@dataclass(frozen=True)
class RateState:
    """One user's limit after a request: `remaining` of `limit` requests are left for the next `reset_s` seconds."""

    limit: int
    remaining: int
    is_refused: bool
    resets_at: datetime
    reset_s: int

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of draft-ietf-httpapi-ratelimit-headers-10, and those of its draft 6, which many clients read."""
        values = {
            "ratelimit-policy": f'"requests";q={self.limit};w={WINDOW_S}',
            "ratelimit": f'"requests";r={self.remaining};t={self.reset_s}',
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }
        return [(name.encode(), value.encode()) for name, value in values.items()]

    @property
    def error(self) -> RateLimitedError:
        """The error for a request that is over the limit."""
        return RateLimitedError(
            f"your plan allows {self.limit} requests per minute, and all of them are used: wait {self.reset_s} s",
            quota="requests",
            used=self.limit,
            allowed=self.limit,
            resets_at=self.resets_at,
            retry_after_s=self.reset_s,
        )


class RateLimiter:
    """Counts the requests of each user in the current minute. `now_s` returns seconds since the epoch."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._used: dict[UUID, tuple[int, int]] = {}
        self._sweep_at = _SWEPT_FROM

    def take(self, user_id: UUID, limit: int) -> RateState:
        """Count one request of a user with `limit` requests per minute. Refused requests are not counted."""
        now_s = self._now_s()
        shifted_s = now_s + user_id.int % WINDOW_S
        window = int(shifted_s // WINDOW_S)
        counted_in, used = self._used.get(user_id, (window, 0))
        if counted_in != window:
            used = 0
        is_refused = used >= limit
        if not is_refused:
            used += 1
            self._used[user_id] = (window, used)
            self._sweep(int(now_s // WINDOW_S))
        end_s = now_s + WINDOW_S - shifted_s % WINDOW_S
        reset_s = max(1, int(end_s - now_s + 0.999))
        resets_at = datetime.fromtimestamp(round(end_s), UTC)
        return RateState(limit, max(0, limit - used), is_refused, resets_at, reset_s)

    def _sweep(self, earliest: int) -> None:
        """Remove the entries of minutes before `earliest`, each time the number of entries has doubled."""
        if len(self._used) < self._sweep_at:
            return
        self._used = {user: entry for user, entry in self._used.items() if entry[0] >= earliest}
        self._sweep_at = max(_SWEPT_FROM, 2 * len(self._used))
