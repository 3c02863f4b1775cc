"""Starts and stops the parser server, the process whose children read the documents: see `sandbox`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys

import msgspec

from svc.errors import UnavailableError
from svc.ingest.parser_protocol import Limits, Started

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
"""Seconds in which the parser server, or a child of it, must start."""
GRACE_S = 5.0
"""Seconds beyond a limit of a child, so that its own alarm fires first, and for the end of the parser server."""

_PROGRAM = "import sys; sys.path[:] = sys.argv[3:]; from svc.ingest.parser_server import serve; serve(*sys.argv[1:3])"
# The libraries that start threads do so when they are loaded, before the parser server is confined, which needs one.
_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

_reported: set[str] = set()


class ParserServer:
    """The parent's end of a parser server."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, limits: Limits) -> ParserServer:
        """Start a parser server; returns when it has loaded its libraries.

        Raises:
            UnavailableError: it did not start in time.
        """
        control, servers_control = socket.socketpair()
        control.setblocking(False)
        spawning = asyncio.create_task(asyncio.to_thread(_popen, servers_control, limits))
        with servers_control:
            try:
                process = await asyncio.shield(spawning)
            except asyncio.CancelledError:
                control.close()
                # The thread continues, and nothing else has a reference to the process that it starts.
                _kill(await spawning)
                raise
        server = cls(process, control)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                ready = await asyncio.get_running_loop().sock_recv(control, 4096)
        except TimeoutError:
            ready = b""
        except BaseException:
            server._control.close()
            _kill(process)
            raise
        if not ready:
            await server.stop()
            raise UnavailableError("The parser server did not start; see its error output.", retry_after_s=5)
        _report_missing(msgspec.json.decode(ready, type=Started).missing)
        return server

    def fork(self, connection: socket.socket, status: socket.socket) -> None:
        """Make the server fork a child that communicates over `connection`; its exit is reported over `status`."""
        socket.send_fds(self._control, [b"f"], [connection.fileno(), status.fileno()])

    async def stop(self) -> None:
        """Close the control socket, which makes the server kill its children and exit; wait for the exit."""
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a server that has no children yet, and wait until it is gone, which takes milliseconds."""
    process.kill()
    process.wait()


def _report_missing(restrictions: list[str]) -> None:
    """Log, once per process, the restrictions on parsers that this system does not allow."""
    if new := [each for each in restrictions if each not in _reported]:
        _reported.update(new)
        logger.warning(
            "this system does not support these restrictions of parsers: %s; the others apply", ", ".join(new)
        )


def _popen(control: socket.socket, limits: Limits) -> subprocess.Popen[bytes]:
    # Isolated mode (-I) and this process's sys.path keep the current folder and the environment from changing the
    # imports. The environment is not passed on: it contains the database password and the API key.
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" is the current folder
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    arguments = [str(control.fileno()), msgspec.json.encode(limits).decode(), *path]
    return subprocess.Popen(  # noqa: S603 - no argument comes from outside
        [sys.executable, "-I", "-c", _PROGRAM, *arguments],
        env=environment | _ONE_THREAD,
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # The parent receives the signals of a terminal and decides when to stop.
    )
