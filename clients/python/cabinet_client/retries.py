"""The choice of requests to retry, and the pauses before retries."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

# The request had no effect: the service refused it before it began, or it never arrived.
_REFUSED = {429}
# The request may have taken effect.
_UNCERTAIN = {408, 500, 502, 503, 504}
# A retry would fail again: HTTP does not allow a header or the URL.
_NEVER_POSSIBLE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_FIRST_S = 0.2
_MOST_S = 8.0


def is_repeatable(failure: int | httpx.TransportError, is_safe: bool) -> bool:
    """Whether to retry a request after this status or failure.

    `is_safe`: it can be sent twice, because it changes nothing or has an idempotency key.
    """
    if isinstance(failure, int):
        return failure in _REFUSED or (is_safe and failure in _UNCERTAIN)
    if isinstance(failure, _NEVER_POSSIBLE):
        return False
    return is_safe or isinstance(failure, _NEVER_SENT)


def retry_after_s(value: str | None) -> float | None:
    """The seconds of a Retry-After header, which contains a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The old form of asctime names no zone; all dates of HTTP are in UTC.
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def delay_s(attempt: int, asked_s: float | None) -> float:
    """The pause before the next attempt, in seconds: as the service asks, otherwise doubling with random jitter."""
    if asked_s is not None:
        return asked_s
    backoff_s: float = min(_MOST_S, _FIRST_S * 2 ** min(attempt, 10))
    return backoff_s * (0.5 + random.random() / 2)  # noqa: S311, it spreads load
