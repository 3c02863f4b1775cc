"""Measures the delay of the event loop while something blocks it."""

from __future__ import annotations

import asyncio

from svc import metrics

_INTERVAL_S = 0.1


async def lag_turn() -> float:
    """Sleep once and record the delay beyond the requested time; see `svc.background.Turn`."""
    loop = asyncio.get_running_loop()
    due = loop.time() + _INTERVAL_S
    await asyncio.sleep(_INTERVAL_S)
    metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
    return 0.0
