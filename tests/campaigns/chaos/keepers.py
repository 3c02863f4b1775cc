"""The parts of a campaign that must run for its whole duration."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

_PAUSE_S = 0.2


async def kept(name: str, run: Callable[[], Awaitable[object]], counts: Counter[str]) -> None:
    """Restart a part until this task is cancelled, and count its unexpected ends with their reasons.

    A library that is cut off in the middle of its work can also end it with a cancellation that nobody asked for.
    """
    while True:
        try:
            await run()
            reason = "its end"
        except Exception as error:  # noqa: BLE001 - whatever it is, the part must go on
            reason = type(error).__name__
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            reason = "a cancellation"
        counts[f"{name} of the campaign began again after {reason}"] += 1
        await asyncio.sleep(_PAUSE_S)
