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
import gc
import io
import os
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

import docx
import msgspec
import pypdfium2

from svc.database.guard import external_call
from svc.errors import DocumentRejectedError, UnavailableError
from svc.ingest.chunk import Chunk, split
from svc.ingest.file_types import FileType
from svc.ingest.parse import parse

if TYPE_CHECKING:
    from svc.settings import Settings  # not at run time: the parser server does without what it imports

PARSERS_AT_ONCE = 2
RESULT_MOST_BYTES = 128 * 2**20
_START_TIMEOUT_S = 60.0
_GRACE_S = 5.0  # for the kernel's own alarm to end a child first
_READ_BYTES = 256 * 1024
_BATCH_TOKENS = 65_536  # small enough that decoding a batch does not hold up the event loop


class Limits(msgspec.Struct, frozen=True):
    """What one document may take, and how it is cut."""

    cpu_s: int
    timeout_s: float
    memory_mb: int
    chunk_tokens: int
    overlap_tokens: int
    max_chunks: int


class _Chunks(msgspec.Struct, tag=True):
    chunks: list[Chunk]


class _Rejected(msgspec.Struct, tag=True):
    detail: str


class _Finished(msgspec.Struct, tag=True):
    pass


class _Ended(msgspec.Struct):
    """How a child ended: its exit code, negative for a signal, and the most memory that it held."""

    code: int
    peak_kb: int


_Message = _Chunks | _Rejected | _Finished
_LENGTH = struct.Struct("!I")
_EXIT_MEMORY = 71


# --- the parent -----------------------------------------------------------------------------------------------


class ParserSandbox:
    """Parses and chunks documents, at most two at once, each within the limits of the settings.

    Nothing is started before the first document; `close` ends everything.
    """

    def __init__(self, settings: Settings) -> None:
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

    async def chunks(self, file_type: FileType, data: bytes) -> list[Chunk]:
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
                    raise self._rejection(_Ended(-signal.SIGALRM, 0)) from None

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
    ) -> list[Chunk]:
        loop = asyncio.get_running_loop()
        chunks: list[Chunk] = []
        # A child that was killed meanwhile shows as a broken pipe here; its status says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await loop.sock_sendall(connection, f"{file_type}\n".encode())
            await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)
            async with contextlib.aclosing(_messages(connection)) as messages:
                async for message in messages:
                    match message:
                        case _Chunks():
                            chunks += message.chunks
                        case _Rejected():
                            raise DocumentRejectedError(message.detail)
                        case _Finished():
                            return chunks
        # No word of the end: the child was killed, perhaps in the middle of a message.
        ended = await loop.sock_recv(status, 1024)
        if not ended:
            raise _gone()
        raise self._rejection(msgspec.json.decode(ended, type=_Ended))

    def _rejection(self, ended: _Ended) -> DocumentRejectedError:
        limits = self._limits
        # Libraries in C and Rust abort where Python raises MemoryError.
        aborted_full = ended.code == -signal.SIGABRT and ended.peak_kb > limits.memory_mb * 1024 // 2
        if ended.code == _EXIT_MEMORY or aborted_full:
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


async def _messages(connection: socket.socket) -> AsyncGenerator[_Message, None]:
    """The messages of a child, each as soon as it is complete, until the child closes or dies."""
    loop = asyncio.get_running_loop()
    decoder = msgspec.msgpack.Decoder[_Message](_Message)
    buffer, total_bytes = bytearray(), 0
    while received := await loop.sock_recv(connection, _READ_BYTES):
        buffer += received
        total_bytes += len(received)
        if total_bytes > RESULT_MOST_BYTES:
            raise DocumentRejectedError(
                f"The document is too large: its chunks take more than {RESULT_MOST_BYTES // 2**20} MB."
            )
        while len(buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                break
            try:
                message = decoder.decode(memoryview(buffer)[_LENGTH.size : end])
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
    program = "import sys; sys.path[:] = sys.argv[3:]; from svc.ingest.sandbox import serve; serve(*sys.argv[1:3])"
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


# --- the parser server ----------------------------------------------------------------------------------------


def serve(control_descriptor: str, limits_json: str) -> None:
    """Fork a child for each document that the parent asks for, until the parent is gone. The parser server's main."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, which gets it too, decides when to end
    control = socket.socket(fileno=int(control_descriptor))
    limits = msgspec.json.decode(limits_json, type=Limits)
    _preload(limits)
    control.send(b"r")
    _Forks(control, limits).run()


def _preload(limits: Limits) -> None:
    """Use every parser once, so that a child finds its modules and tables loaded."""
    word, pdf = io.BytesIO(), pypdfium2.PdfDocument.new()
    docx.Document().save(word)
    pdf.new_page(100, 100)
    pdf.save(page := io.BytesIO())
    samples: dict[FileType, bytes] = {
        "text": "d\xe9j\xe0 vu, ".encode("cp1252") * 20, "markdown": b"# A\n\nb", "html": b"<p>a</p>",
        "csv": b"a,b\n1,2", "docx": word.getvalue(), "pdf": page.getvalue(),
    }  # fmt: skip
    for file_type in get_args(FileType):
        with contextlib.suppress(DocumentRejectedError):  # the blank ones
            _cut(file_type, samples[file_type], limits)
    # What is there now is never garbage: children need not look at it, nor copy its pages.
    gc.collect()
    gc.freeze()


class _Forks:
    """The loop of the parser server: requests, ends of children, and status sockets that the parent closed."""

    def __init__(self, control: socket.socket, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        self._status_of: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, wake = socket.socketpair()
        self._wakeup.setblocking(False)
        wake.setblocking(False)
        self._inherited = [control, self._wakeup, wake]
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        self._selector.register(control, selectors.EVENT_READ, self._fork_or_end)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._reap)
        self._running = True

    def run(self) -> None:
        while self._running:
            for key, _ in self._selector.select():
                if isinstance(key.data, int):
                    self._kill(key.data)
                else:
                    key.data()
        for process_id in self._status_of:
            os.kill(process_id, signal.SIGKILL)
            os.waitpid(process_id, 0)

    def _fork_or_end(self) -> None:
        request, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not request:
            self._running = False
            return
        connection, status = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        try:
            process_id = os.fork()
        except OSError:  # no memory or no process to be had: the parent sees both sockets close
            connection.close()
            status.close()
            return
        if process_id == 0:
            self._become_child(connection, status)
        connection.close()
        with contextlib.suppress(OSError):  # cancelled already: the socket shows as closed at once
            status.send(b"f")
        self._status_of[process_id] = status
        self._selector.register(status, selectors.EVENT_READ, process_id)

    def _kill(self, process_id: int) -> None:
        # The parent never writes to a status socket, so that it is readable means that it is closed.
        if process_id in self._status_of:
            os.kill(process_id, signal.SIGKILL)
            self._selector.unregister(self._status_of[process_id])

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(4096)
        while self._status_of:
            process_id, status, usage = os.wait4(-1, os.WNOHANG)
            if process_id == 0:
                return
            ended = _Ended(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
            with self._status_of.pop(process_id) as told:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(told)
                with contextlib.suppress(OSError):
                    told.send(msgspec.json.encode(ended))

    def _become_child(self, connection: socket.socket, status: socket.socket) -> NoReturn:
        code = 1
        try:
            self._selector.close()
            for inherited in (*self._inherited, *self._status_of.values(), status):
                inherited.close()
            code = _read_one_document(connection, self._limits)
        finally:
            os._exit(code)  # nothing of the server's may run in the child


# --- one document ---------------------------------------------------------------------------------------------


def _read_one_document(connection: socket.socket, limits: Limits) -> int:
    """The child's whole life; the exit code."""
    _limit_this_process(limits)
    try:
        with connection.makefile("rb") as stream:
            file_type = msgspec.convert(stream.readline().decode().strip(), FileType)
            data = stream.read()
        chunks = _cut(file_type, data, limits)
        batch = max(1, _BATCH_TOKENS // limits.chunk_tokens)
        for start in range(0, len(chunks), batch):
            _send(connection, _Chunks(chunks[start : start + batch]))
        _send(connection, _Finished())
    except DocumentRejectedError as error:
        _send(connection, _Rejected(error.detail))
    except MemoryError:
        return _EXIT_MEMORY
    except OSError:
        return 0  # the parent has lost interest
    return 0


def _cut(file_type: FileType, data: bytes, limits: Limits) -> list[Chunk]:
    return split(
        file_type,
        parse(file_type, data),
        chunk_tokens=limits.chunk_tokens,
        overlap_tokens=limits.overlap_tokens,
        max_chunks=limits.max_chunks,
    )


def _send(connection: socket.socket, message: _Message) -> None:
    encoded = msgspec.msgpack.encode(message)
    connection.sendall(_LENGTH.pack(len(encoded)) + encoded)


def _limit_this_process(limits: Limits) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGXCPU, signal.SIGALRM, signal.SIGABRT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.setitimer(signal.ITIMER_REAL, limits.timeout_s)
    os.dup2(1, 2)  # a document's complaints belong into nobody's log
    os.nice(5)  # requests come first
    with contextlib.suppress(OSError):
        # Should the machine run out of memory all the same, this is what has to go.
        Path("/proc/self/oom_score_adj").write_text("1000")
    # At the hard limit comes SIGKILL, which would not say why.
    _limit(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)
    # Data counts what is allocated and, unlike the address space, not what is mapped from libraries.
    _limit(resource.RLIMIT_DATA, limits.memory_mb * 2**20)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)  # no file can be written


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    _, most = resource.getrlimit(kind)
    wanted = (soft, soft if hard is None else hard)
    resource.setrlimit(kind, wanted if most == resource.RLIM_INFINITY else (min(soft, most), min(wanted[1], most)))
