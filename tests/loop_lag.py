"""A real server in a separate process that measures how long its event loop is blocked.

Between two ticks of the loop, the monitor compares three clocks: the time that passed, the processor time of the loop's
thread, and that of the whole process, which includes threads that hold the interpreter's lock. A busy machine delays
only the first.

    python -m tests.loop_lag DATABASE_URL    # run by `LagServer`
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from svc.cli.serve import listen, serve_until_signal
from svc.embedded.server import url_as
from svc.services import running_services
from tests.conftest import ADMIN_KEY, test_settings

TICK_S = 0.001


@dataclass
class Lag:
    """The longest time that the loop was blocked, in milliseconds, and the innermost calls that a sample found."""

    wall_ms: float = 0.0
    loop_ms: float = 0.0
    process_ms: float = 0.0
    where: str = ""


class LagMonitor:
    """Measures the loop that runs `watch`."""

    def __init__(self) -> None:
        self._worst = Lag()
        self._last_tick = time.perf_counter()
        self._sampled = ""

    def start_sampling(self) -> None:
        """Record the calls of this thread while it does not tick, in another thread, until the process ends."""
        threading.Thread(target=self._sample, args=(threading.get_ident(),), daemon=True).start()

    def _sample(self, loop_thread: int) -> None:
        while True:
            time.sleep(0.015)
            if time.perf_counter() - self._last_tick > 0.03 and not self._sampled:
                frames = traceback.extract_stack(sys._current_frames()[loop_thread])
                self._sampled = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[:-12:-1])

    async def watch(self) -> None:
        """Measure until cancelled."""
        before = _clocks()
        while True:
            await asyncio.sleep(TICK_S)
            now = _clocks()
            passed = [(later - earlier) * 1000 for earlier, later in zip(before, now, strict=True)]
            worst = self._worst
            if passed[1] > worst.loop_ms:
                worst.where = self._sampled
            self._last_tick, self._sampled = now[0], ""
            worst.wall_ms = max(worst.wall_ms, passed[0] - TICK_S * 1000)
            worst.loop_ms = max(worst.loop_ms, passed[1])
            worst.process_ms = max(worst.process_ms, passed[2])
            before = now

    def take(self) -> Lag:
        """Return the longest block since the last call."""
        worst, self._worst = self._worst, Lag()
        return worst


def _clocks() -> tuple[float, float, float]:
    return time.perf_counter(), time.thread_time(), time.process_time()


class LagServer:
    """Runs the server for the block, on a migrated database."""

    def __init__(self, database_url: str, **settings: object) -> None:
        self._command = [sys.executable, "-m", "tests.loop_lag", database_url, json.dumps(settings)]
        self.url = ""
        self.process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        """Start the server, and wait until it serves."""
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.url = self._line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def lag(self) -> Lag:
        """Return the longest block since the last call."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        return Lag(**json.loads(self._line()))

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server has ended; its messages are above"
        return line.strip()


async def _serve(url: str, changes: Mapping[str, object]) -> None:
    # A line for each request that is not HTTP is useless.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    settings = test_settings(**changes)
    monitor = LagMonitor()
    loop = asyncio.get_running_loop()
    # The tick before the answer measures the loop's work so far.
    loop.add_reader(sys.stdin, lambda: _answer(monitor))
    async with running_services(settings, url_as(url, settings.service_role), ADMIN_KEY, owner_url=url) as services:
        listener = listen("127.0.0.1", 0)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        watching = asyncio.create_task(monitor.watch())
        monitor.start_sampling()
        try:
            await serve_until_signal(services, listener)
        finally:
            watching.cancel()
            loop.remove_reader(sys.stdin)


def _answer(monitor: LagMonitor) -> None:
    if sys.stdin.readline():
        # A short delay, so that the tick after the last request is also measured.
        asyncio.get_running_loop().call_later(3 * TICK_S, lambda: print(json.dumps(asdict(monitor.take())), flush=True))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], json.loads(sys.argv[2])))
