"""The processes under test: servers and workers, which are killed, frozen, stopped and restarted."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.server_process import CABINET, clean_environment

_START_S = 180.0


@dataclass
class Span:
    """A period in which a program could not work. `end_s` is infinite until it ends."""

    kind: str
    start_s: float
    end_s: float = float("inf")

    def overlaps(self, start_s: float, end_s: float) -> bool:
        """Whether the two periods overlap."""
        return self.start_s <= end_s and start_s <= self.end_s


@dataclass
class Life:
    """One process of a program. Requests that it answered before `counted_until_s` were certainly added to the ledger
    of usage; `is_lost` says that it was killed, so that later ones may not have been.
    """

    pid: int
    counted_until_s: float = 0.0
    is_lost: bool = False


class Program:
    """A server or a worker, with its successive processes."""

    def __init__(
        self, name: str, command: str, ready: str, folder: Path, variables: Mapping[str, str], port: str = ""
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.spans: list[Span] = []
        self.lives: list[Life] = []
        self.ready_at_s = 0.0
        self.faults: list[str] = []
        self.hangs = 0
        """The number of processes that neither became ready nor ended in time."""
        self._command = command
        self._ready = ready
        self._log = folder / f"{name}.log"
        self._environment = clean_environment(**variables)
        self._process: subprocess.Popen[bytes] | None = None
        self._down: Span | None = None

    @property
    def worker(self) -> str:
        """The name with which the current process claims jobs."""
        return f"{socket.gethostname()}:{self.lives[-1].pid}"

    @property
    def is_up(self) -> bool:
        """Whether the current process has reported that it is ready, and has not ended."""
        return self._down is None and self._process is not None and self._process.poll() is None

    async def start(self) -> bool:
        """Start a process and wait until it is ready; False if it ended before."""
        if self._down is None:
            self._down = Span("down", time.monotonic())
            self.spans.append(self._down)
        begin = self._log.stat().st_size if self._log.exists() else 0
        process = self._process = self._open()
        deadline = time.monotonic() + _START_S
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if self._ready.encode() in self._log.read_bytes()[begin:]:
                    self.lives.append(Life(process.pid))
                    self.ready_at_s = self._down.end_s = time.monotonic()
                    self._down = None
                    return True
                await asyncio.sleep(0.05)
            self.hangs += process.poll() is None
        finally:
            # Also if the fault that starts it takes too long: later, another process is started in its place.
            if self._down is not None:
                process.kill()
                process.wait()
        return False

    def _open(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*CABINET, self._command], env=self._environment, stdout=log, stderr=log, cwd=self._log.parent
            )

    def kill(self) -> None:
        """End the process with SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._goes_down()
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop the process with SIGSTOP, until `thaw`."""
        if self.is_up and self._process is not None:
            self.spans.append(Span("frozen", time.monotonic()))
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue a frozen process."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
        for span in self.spans:
            if span.kind == "frozen":
                span.end_s = min(span.end_s, time.monotonic())

    async def terminate(self, within_s: float) -> float:
        """Stop the process with SIGTERM; returns the seconds that it took, or `within_s` if it had to be killed.

        A wrong exit code, or an end by force, is added to `faults`.
        """
        if not self.is_up or self._process is None:
            return 0.0
        started = time.monotonic()
        self._goes_down(lost=False)
        self._process.send_signal(signal.SIGTERM)
        while self._process.poll() is None and time.monotonic() - started < within_s:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        took_s = time.monotonic() - started
        if self._process.poll() is None:
            self.lives[-1].is_lost = True
            self._process.kill()
            self._process.wait()
            self.faults.append(f"{self.name} did not stop within {within_s:.0f} s after SIGTERM")
        elif self._process.returncode != 0:
            self.faults.append(f"{self.name} ended with code {self._process.returncode} after SIGTERM")
        return took_s

    def note_death(self) -> None:
        """Add to `faults` if the process has ended unexpectedly."""
        if self._down is None and self._process is not None and self._process.poll() is not None:
            self._goes_down()
            self.faults.append(f"{self.name} ended by itself with code {self._process.returncode}: {self.log_end()}")

    def was_disturbed(self, start_s: float, end_s: float) -> bool:
        """Whether a process was down or frozen at any time between these."""
        return any(span.overlaps(start_s, end_s) for span in self.spans)

    def log_end(self) -> str:
        """The last lines of the log."""
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def log_about(self, request_id: str) -> str:
        """The end of the traceback that the log has for a request; empty if it has none."""
        _, _, rest = self._log.read_text(errors="replace").partition(request_id)
        traceback = rest.split("\n2", 1)[0].strip()
        return traceback.splitlines()[-1][:300] if traceback else ""

    def _goes_down(self, *, lost: bool = True) -> None:
        self.thaw()
        if self._down is None:
            self._down = Span("down", time.monotonic())
            self.spans.append(self._down)
            self.lives[-1].is_lost = lost


def free_port() -> int:
    """A currently free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
