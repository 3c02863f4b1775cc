"""Parses and chunks each document in a separate process with resource limits, so that a zip bomb harms no other
document.

    server or worker                 parser server                        one document
    ParserSandbox.chunks --sockets-> forks, reports how the child ended -> limits itself, parses, chunks

The parser server is started once, with the libraries and the tokenizer loaded. It has no secrets, reads no document,
and exits when the socket to its parent closes. A child sets its limits before it reads its document, and the kernel
enforces them: SIGXCPU for CPU time, SIGALRM for elapsed time, a failed allocation for memory. Elapsed time depends on
the load of the machine, so a document that exceeds it is tried again, and only the other limits are final. Closing
the status socket of a document kills its child; so does cancelling the task, or the death of the parent.

The results come from a process that read hostile input. They are decoded by msgspec into known types, never unpickled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncGenerator
from typing import NamedTuple
from uuid import UUID

import msgspec

from svc.database.guard import external_call
from svc.errors import DocumentRejectedError, UnavailableError
from svc.ingest.chunk import ChunkSizes, TextChunk
from svc.ingest.formats import FileType
from svc.ingest.parser_process import GRACE_S, START_TIMEOUT_S, ParserServer
from svc.ingest.parser_protocol import EXIT_MEMORY, LENGTH, Chunks, Ended, Finished, Limits, Message, Rejected
from svc.ingest.unread import bounded
from svc.printable import shortened
from svc.settings.groups import ParserSettings
from svc.turns import Turns

logger = logging.getLogger(__name__)

PARSERS_AT_ONCE = 2
RESULT_MOST_BYTES = 128 * 2**20
_READ_BYTES = 256 * 1024
_DETAIL_MOST_CHARACTERS = 500
_CAUSE_MOST_CHARACTERS = 60


class Reading(NamedTuple):
    """The chunks of a document, and its warnings."""

    chunks: list[TextChunk]
    warnings: list[str]


class ParserSandbox:
    """Parses and chunks documents, at most `PARSERS_AT_ONCE` at a time, in turn by tenant, each within the limits of
    the settings.

    The first document starts the parser server; `close` stops it.
    """

    def __init__(self, settings: ParserSettings) -> None:
        self._limits = Limits(
            cpu_s=settings.parse_cpu_s,
            timeout_s=settings.parse_timeout_s,
            memory_mb=settings.parse_memory_mb,
            chunk_tokens=settings.chunk_tokens,
            overlap_tokens=settings.chunk_overlap_tokens,
            max_chunks=settings.max_chunks,
            ocr=settings.ocr,
        )
        self._sizes = ChunkSizes(settings.chunk_tokens, settings.chunk_overlap_tokens)
        # A user who is alone gets all places, because no document takes long; otherwise users take turns.
        self._places = Turns(PARSERS_AT_ONCE, is_divided=False)
        self._starting = asyncio.Lock()
        self._server: ParserServer | None = None
        self._is_closed = False

    async def chunks(self, file_type: FileType, data: bytes, tenant: UUID | None = None) -> list[TextChunk]:
        """Returns the chunks of a document of this tenant, as `read` does."""
        return (await self.read(file_type, data, tenant)).chunks

    async def read(
        self,
        file_type: FileType,
        data: bytes,
        tenant: UUID | None = None,
        sizes: ChunkSizes | None = None,
        *,
        charset: str | None = None,
    ) -> Reading:
        """Returns the chunks of a document of this tenant, and its warnings. `charset` is the encoding that the
        upload declared. Cancelling kills the child that parses it. Without `sizes`, the chunks are of the sizes in the
        settings.

        Raises:
            DocumentRejectedError: the document cannot be read, or exceeds a limit, which the detail names.
            UnavailableError: the parser server could not be started, or was killed, or the elapsed time ran out
                before the document's processor time; a retry may succeed.
            ConnectionHeldError: this task holds a database connection.
        """
        external_call("parsing")
        await self._places.take(tenant)
        try:
            return await self._parsed(_header(file_type, sizes or self._sizes, charset), data)
        finally:
            self._places.give_back(tenant)

    def check_size(self, size: int) -> None:
        """Check that a file of `size` bytes can be read at all: its bytes and its text take twice as much, at least.

        Raises:
            DocumentRejectedError: it is too large for the memory of the parser.
        """
        if 2 * size > self._limits.memory_mb * 2**20:
            raise _over(f"{self._limits.memory_mb} MB of memory (CABINET_PARSE_MEMORY_MB)")

    async def _parsed(self, header: list[str], data: bytes) -> Reading:
        with contextlib.ExitStack() as sockets:
            connection, status = await self._begin(sockets)
            try:
                async with asyncio.timeout(self._limits.timeout_s + GRACE_S):
                    return await self._converse(connection, status, header, data)
            except TimeoutError:
                raise self._failure(Ended(-signal.SIGALRM, 0)) from None

    async def close(self) -> None:
        """Stop the parser server and its children; later calls of `chunks` fail."""
        async with self._starting:
            self._is_closed = True
            if self._server is not None:
                await self._server.stop()
                self._server = None

    async def _begin(self, sockets: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
        """Start a child for one document and return its connection and status socket; closing `sockets` kills it."""
        for _ in range(2):  # the server may have been killed since the last document
            server = await self._running_server()
            connection, childs_connection = _pair(sockets)
            status, servers_status = _pair(sockets)
            with childs_connection, servers_status, contextlib.suppress(OSError):
                server.fork(childs_connection, servers_status)
            # Now only the server holds the other ends. If it is dead or cannot fork, the read below ends immediately.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_TIMEOUT_S):
                    if await asyncio.get_running_loop().sock_recv(status, 1):
                        return connection, status
            await self._forget(server)
        raise _gone()

    async def _running_server(self) -> ParserServer:
        async with self._starting:
            if self._is_closed:
                raise UnavailableError("The server is shutting down.", retry_after_s=5)
            if self._server is None:
                self._server = await ParserServer.start(self._limits)
            return self._server

    async def _forget(self, server: ParserServer) -> None:
        async with self._starting:
            if self._server is server:
                self._server = None
            await server.stop()

    async def _converse(
        self, connection: socket.socket, status: socket.socket, header: list[str], data: bytes
    ) -> Reading:
        loop = asyncio.get_running_loop()
        chunks: list[TextChunk] = []
        # If the child has been killed, writing fails here; its status gives the reason.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await loop.sock_sendall(connection, f"{' '.join(header)}\n".encode())
            await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)
            async with contextlib.aclosing(_messages(connection)) as messages:
                async for message in messages:
                    match message:
                        case Chunks():
                            chunks += message.chunks
                        case Rejected():
                            raise _rejected(header[0], message)
                        case Finished():
                            return Reading(chunks, bounded(message.warnings))
        # No final message: the child was killed, perhaps in the middle of a message.
        ended = await loop.sock_recv(status, 1024)
        if not ended:
            raise _gone()
        raise self._failure(msgspec.json.decode(ended, type=Ended))

    def _failure(self, ended: Ended) -> DocumentRejectedError | UnavailableError:
        if ended.code == -signal.SIGALRM:
            return UnavailableError(
                f"Reading the document took more than {self._limits.timeout_s:g} seconds (CABINET_PARSE_TIMEOUT_S), "
                "although it used less processor time than its limit; the machine is busy."
            )
        return self._rejection(ended)

    def _rejection(self, ended: Ended) -> DocumentRejectedError:
        limits = self._limits
        # Libraries in C and Rust abort where Python raises MemoryError.
        aborted_full = ended.code == -signal.SIGABRT and ended.peak_kb > limits.memory_mb * 1024 // 2
        if ended.code == EXIT_MEMORY or aborted_full:
            return _over(f"{limits.memory_mb} MB of memory (CABINET_PARSE_MEMORY_MB)")
        if ended.code == -signal.SIGXCPU:
            return _over(f"{limits.cpu_s} processor seconds (CABINET_PARSE_CPU_S)")
        if ended.code < 0:
            name = signal.Signals(-ended.code).name if -ended.code in set(signal.Signals) else f"signal {-ended.code}"
            return DocumentRejectedError(
                f"{name} ended the parser while it read the document, which is damaged or malicious."
            )
        return DocumentRejectedError(f"The parser ended with code {ended.code} while it read the document.")


def _header(file_type: FileType, sizes: ChunkSizes, charset: str | None) -> list[str]:
    """The line before a document, in words."""
    return [file_type, str(sizes.chunk_tokens), str(sizes.overlap_tokens), *([charset] if charset else [])]


def _rejected(file_type: FileType, message: Rejected) -> DocumentRejectedError:
    """The error for a document that the child rejected. The child has read hostile input, so its words are bounded."""
    if message.cause:
        cause = shortened(message.cause, _CAUSE_MOST_CHARACTERS)
        logger.info("a document of type %s was rejected because of a %s", file_type, cause)
    return DocumentRejectedError(shortened(message.detail, _DETAIL_MOST_CHARACTERS))


def _over(limit: str) -> DocumentRejectedError:
    return DocumentRejectedError(
        f"Reading the document took more than {limit}, the limit for one document. "
        "Split it into smaller documents; if it is small already, save it again with another program."
    )


def _gone() -> UnavailableError:
    return UnavailableError("The parser server died; it is restarted for the next document.", retry_after_s=5)


def _pair(sockets: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    """Returns the two ends of a socket pair: this process's, which `sockets` closes, and the other process's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return sockets.enter_context(ours), theirs


async def _messages(connection: socket.socket) -> AsyncGenerator[Message, None]:
    """Yield each message of a child when it is complete, until the child closes the connection or dies."""
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
                raise DocumentRejectedError("The document made the parser return an invalid answer.") from error
            yield message
            del buffer[:end]
