"""The client of `tests.campaigns.strangers` that behaves well, and is served while others attack."""

from __future__ import annotations

import contextlib
import http.client
import select
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0
_PAUSE_S = 0.04


def ask_until(url: str, key: str, finished: Event, answers: Queue[tuple[list[float], list[str]]]) -> None:
    """Ask twenty times a second until told to finish, every second time over a new connection.

    Puts the milliseconds of all requests and the descriptions of those that failed. The time of a request over a new
    connection includes that of connecting.
    """
    address = urlsplit(url).netloc
    kept = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
    latencies_ms: list[float] = []
    failures: list[str] = []
    while not finished.wait(_PAUSE_S):
        with contextlib.closing(http.client.HTTPConnection(address, timeout=_TIMEOUT_S)) as fresh:
            if kept.sock is not None and select.select([kept.sock], [], [], 0)[0]:
                # The server may close a connection between two requests, and clients look before they use it again.
                kept.close()
            for connection in (kept, fresh):
                started = time.perf_counter()
                failures += _ask(connection, key)
                latencies_ms.append((time.perf_counter() - started) * 1000)
    kept.close()
    answers.put((latencies_ms, failures))


def _ask(connection: http.client.HTTPConnection, key: str) -> list[str]:
    """Ask once; returns the failure, if there is one."""
    try:
        connection.request("GET", "/me", headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return [repr(error)]
    return [] if response.status == 200 else [body.decode(errors="replace")]
