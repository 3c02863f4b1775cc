"""Parsing and chunking, each document in a process of its own with limits, so that a bomb hurts nobody.

    server or worker                 parser server                        one document
    ParserSandbox.chunks --sockets-> forks, and tells how a child ended -> limits itself, parses, chunks

The parser server is started once, has the libraries and the tokenizer loaded, holds no secrets, reads no document,
and lives as long as the socket to its parent. A child sets its limits before it reads its document, and the kernel
enforces them: SIGXCPU for processor seconds, SIGALRM for seconds, a refused allocation for memory. Closing a
document's status socket kills its child: that is how cancelling works, and what the parent's death does.

What comes back was made by a process that read hostile input: it is decoded by msgspec into known types and never
unpickled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator

import msgspec

from svc.database.guard import external_call
from svc.errors import DocumentRejectedError, UnavailableError
from svc.ingest.chunk import TextChunk
from svc.ingest.file_types import FileType
from svc.ingest.parser_protocol import EXIT_MEMORY, LENGTH, Chunks, Ended, Finished, Limits, Message, Rejected
from svc.settings.groups import ParserSettings

PARSERS_AT_ONCE = 2
RESULT_MOST_BYTES = 128 * 2**20
_START_TIMEOUT_S = 60.0
_GRACE_S = 5.0  # for the kernel's own alarm to end a child first
_READ_BYTES = 256 * 1024


class ParserSandbox:
    """Parses and chunks documents, at most two at once, each within the limits of the settings.

    Nothing is started before the first document; `close` ends everything.
    """

    def __init__(self, settings: ParserSettings) -> None:
        self._limits = Limits(
            cpu_s=settings.parse_cpu_s,
            timeout_s=settings.parse_timeout_s,
            memory_mb=settings.parse_memory_mb,
            chunk_tokens=settings.chunk_tokens,
            overlap_tokens=settings.chunk_overlap_tokens,
            max_chunks=settings.max_chunks,
        )
        self._places = asyncio.Semaphore(PARSERS_AT_ONCE)
        self._starting = asyncio.Lock()
        self._server: _ParserServer | None = None
        self._is_closed = False

    async def chunks(self, file_type: FileType, data: bytes) -> list[TextChunk]:
        """The chunks of a document. Cancelling kills the child that is at it.

        Raises:
            DocumentRejectedError: the document cannot be read, or not within the limits; the detail says which.
            UnavailableError: the parser server could not be started, or was killed; trying again can help.
            ConnectionHeldError: this task holds a database connection.
        """
        external_call("parsing")
        async with self._places:
            with contextlib.ExitStack() as sockets:
                connection, status = await self._begin(sockets)
                try:
                    async with asyncio.timeout(self._limits.timeout_s + _GRACE_S):
                        return await self._converse(connection, status, file_type, data)
                except TimeoutError:
                    raise self._rejection(Ended(-signal.SIGALRM, 0)) from None

    async def close(self) -> None:
        """End the parser server and every document that it is at, for good."""
        async with self._starting:
            self._is_closed = True
            if self._server is not None:
                await self._server.stop()
                self._server = None

    async def _begin(self, sockets: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
        """A child for one document; closing `sockets` ends it."""
        for _ in range(2):  # the server may have been killed since the last document
            server = await self._running_server()
            connection, childs_connection = _pair(sockets)
            status, servers_status = _pair(sockets)
            with childs_connection, servers_status, contextlib.suppress(OSError):
                server.fork(childs_connection, servers_status)
            # From here on only the server holds the other ends: if it is dead, or cannot fork, this is the end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_TIMEOUT_S):
                    if await asyncio.get_running_loop().sock_recv(status, 1):
                        return connection, status
            await self._forget(server)
        raise _gone()

    async def _running_server(self) -> _ParserServer:
        async with self._starting:
            if self._is_closed:
                raise UnavailableError("The server is shutting down.", retry_after_s=5)
            if self._server is None:
                self._server = await _ParserServer.start(self._limits)
            return self._server

    async def _forget(self, server: _ParserServer) -> None:
        async with self._starting:
            if self._server is server:
                self._server = None
            await server.stop()

    async def _converse(
        self, connection: socket.socket, status: socket.socket, file_type: FileType, data: bytes
    ) -> list[TextChunk]:
        loop = asyncio.get_running_loop()
        chunks: list[TextChunk] = []
        # A child that was killed meanwhile shows as a broken pipe here; its status says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await loop.sock_sendall(connection, f"{file_type}\n".encode())
            await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)
            async with contextlib.aclosing(_messages(connection)) as messages:
                async for message in messages:
                    match message:
                        case Chunks():
                            chunks += message.chunks
                        case Rejected():
                            raise DocumentRejectedError(message.detail)
                        case Finished():
                            return chunks
        # No word of the end: the child was killed, perhaps in the middle of a message.
        ended = await loop.sock_recv(status, 1024)
        if not ended:
            raise _gone()
        raise self._rejection(msgspec.json.decode(ended, type=Ended))

    def _rejection(self, ended: Ended) -> DocumentRejectedError:
        limits = self._limits
        # Libraries in C and Rust abort where Python raises MemoryError.
        aborted_full = ended.code == -signal.SIGABRT and ended.peak_kb > limits.memory_mb * 1024 // 2
        if ended.code == EXIT_MEMORY or aborted_full:
            return _over(f"{limits.memory_mb} MB of memory (CABINET_PARSE_MEMORY_MB)")
        if ended.code == -signal.SIGXCPU:
            return _over(f"{limits.cpu_s} processor seconds (CABINET_PARSE_CPU_S)")
        if ended.code == -signal.SIGALRM:
            return _over(f"{limits.timeout_s:g} seconds (CABINET_PARSE_TIMEOUT_S)")
        if ended.code < 0:
            name = signal.Signals(-ended.code).name if -ended.code in set(signal.Signals) else f"signal {-ended.code}"
            return DocumentRejectedError(
                f"The parser was ended by {name} while it read the document, which is damaged or made to do that."
            )
        return DocumentRejectedError(f"The parser ended with code {ended.code} while it read the document.")


def _over(limit: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        f"Reading the document took more than {limit}, the most that one document may take. "
        "Split it into smaller documents, or save it anew with another program if it is small already."
    )


def _gone() -> UnavailableError:
    return UnavailableError("The parser server has died; it is started again for the next document.", retry_after_s=5)


def _pair(sockets: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection, of which the first is ours, and closed with `sockets`."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return sockets.enter_context(ours), theirs


async def _messages(connection: socket.socket) -> AsyncGenerator[Message, None]:
    """The messages of a child, each as soon as it is complete, until the child closes or dies."""
    loop = asyncio.get_running_loop()
    decoder = msgspec.msgpack.Decoder[Message](Message)
    buffer, total_bytes = bytearray(), 0
    while received := await loop.sock_recv(connection, _READ_BYTES):
        buffer += received
        total_bytes += len(received)
        if total_bytes > RESULT_MOST_BYTES:
            raise DocumentRejectedError(
                f"The document is too large: its chunks take more than {RESULT_MOST_BYTES // 2**20} MB."
            )
        while len(buffer) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                break
            try:
                message = decoder.decode(memoryview(buffer)[LENGTH.size : end])
            except msgspec.DecodeError as error:
                raise DocumentRejectedError("The parser, misled by the document, gave no sensible answer.") from error
            yield message
            del buffer[:end]


class _ParserServer:
    """The parent's end of a parser server."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, limits: Limits) -> _ParserServer:
        control, servers_control = socket.socketpair()
        control.setblocking(False)
        with servers_control:
            process = await asyncio.to_thread(_popen, servers_control, limits)
        server = cls(process, control)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                ready = await asyncio.get_running_loop().sock_recv(control, 1)
        except TimeoutError:
            ready = b""
        except BaseException:
            server._control.close()
            raise
        if not ready:
            await server.stop()
            raise UnavailableError("The parser server did not start; its error output says why.", retry_after_s=5)
        return server

    def fork(self, connection: socket.socket, status: socket.socket) -> None:
        """Have a child forked that talks over `connection`, and whose end is told over `status`."""
        socket.send_fds(self._control, [b"f"], [connection.fileno(), status.fileno()])

    async def stop(self) -> None:
        """Close the socket, at which the server kills its children and goes; wait until it is gone."""
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, _GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


def _popen(control: socket.socket, limits: Limits) -> subprocess.Popen[bytes]:
    # Isolated (-I) and with this process's own path, so that neither the folder nor the environment decide what
    # is imported; and without this process's environment, which holds the database's password and the API key.
    program = (
        "import sys; sys.path[:] = sys.argv[3:]; from svc.ingest.parser_server import serve; serve(*sys.argv[1:3])"
    )
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" is the current folder
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    arguments = [str(control.fileno()), msgspec.json.encode(limits).decode(), *path]
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
        [sys.executable, "-I", "-c", program, *arguments],
        env=environment | {"TOKENIZERS_PARALLELISM": "false"},
        pass_fds=[control.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
