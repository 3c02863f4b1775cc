"""Ends the process after a signal in any case: cleanly within the grace period, otherwise by force.

A request can wait for a database that does not answer, and a thread for a computation that cannot be cancelled. The
service manager would then kill the process, and leave the embedded server running.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

# Seconds for the last steps before the process is ended by force, such as stopping the embedded server.
_LAST_ACTS_S = 3.0

_last_acts: list[Callable[[], None]] = []
_is_armed = threading.Event()


@contextlib.contextmanager
def last_act(act: Callable[[], None]) -> Iterator[None]:
    """Run `act` in another thread if the process is ended by force during the block."""
    _last_acts.append(act)
    try:
        yield
    finally:
        _last_acts.remove(act)


def end_within(grace_s: float) -> None:
    """End the process with the code 0 if it still runs in `grace_s` seconds. Only the first call has an effect."""
    if _is_armed.is_set():
        return
    _is_armed.set()
    timer = threading.Timer(grace_s, _end, (grace_s,))
    timer.daemon = True
    timer.start()


def _end(grace_s: float) -> None:
    logger.error("the process did not stop within %g s and is ended now (CABINET_STOP_GRACE_S)", grace_s)
    acting = threading.Thread(target=_act, daemon=True)
    acting.start()
    acting.join(_LAST_ACTS_S)
    logging.shutdown()
    # Parsers end when the socket to this process closes.
    os._exit(0)


def _act() -> None:
    for act in list(_last_acts):
        try:
            act()
        except Exception:
            logger.exception("a last act failed")


def stop_on_signals(stopped: asyncio.Event, grace_s: float) -> None:
    """Set `stopped` at SIGINT or SIGTERM, and end the process within the grace period."""

    def stop() -> None:
        stopped.set()
        end_within(grace_s)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
