"""The parser server, and the child that it forks for each document. `sandbox` is the parent's side, with the reasons.

It runs in its own process without secrets, and imports neither the settings nor a database driver.
"""

from __future__ import annotations

import _strptime  # type: ignore[import-not-found] # noqa: F401 - imported by the first date that is read
import contextlib
import email
import encodings
import gc
import importlib
import os
import pkgutil
import resource
import selectors
import signal
import socket
from pathlib import Path
from typing import NoReturn

import charset_normalizer
import msgspec
import pypdfium2

from svc.errors import DocumentRejectedError
from svc.ingest.chunk import TextChunk
from svc.ingest.confinement import confine_child, confine_server
from svc.ingest.formats import FORMATS, FileType
from svc.ingest.packing import split
from svc.ingest.parse import parse, sample
from svc.ingest.parser_protocol import EXIT_MEMORY, LENGTH, Chunks, Ended, Finished, Limits, Message, Rejected, Started
from svc.ingest.parsers import recognition

_LOADED_WHOLE = (encodings, email, charset_normalizer, pypdfium2)
_BATCH_TOKENS = 65_536  # small enough that decoding a batch does not hold up the event loop


def serve(control_descriptor: str, limits_json: str) -> None:
    """The parser server's main: fork a child for each document that the parent requests, until the parent is gone."""
    control = socket.socket(fileno=int(control_descriptor))
    limits = msgspec.json.decode(limits_json, type=Limits)
    with contextlib.suppress(OSError):
        # If the machine runs out of memory anyway, the kernel should kill a parser first.
        Path("/proc/self/oom_score_adj").write_text("1000")
    _preload(limits)
    missing = confine_server()
    control.send(msgspec.json.encode(Started(missing)))
    _Forks(control, limits, filters="seccomp" not in missing).run()


def _preload(limits: Limits) -> None:
    """Use every parser once and import its rarely used modules, because the children cannot open files."""
    for package in _LOADED_WHOLE:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith(("_cli", "__main__", "cli")):
                with contextlib.suppress(
                    ImportError
                ):  # A module for another system, or one that needs a missing package.
                    importlib.import_module(module.name)
    if limits.ocr:
        recognition.load()
    for file_type in FORMATS:
        with contextlib.suppress(DocumentRejectedError):  # some samples are blank
            _read(file_type, sample(file_type), limits)
    # These objects never become garbage. Frozen, they are not scanned by children, and their pages stay shared.
    gc.collect()
    gc.freeze()


class _Forks:
    """The event loop of the parser server: requests, exited children, and status sockets that the parent closed."""

    def __init__(self, control: socket.socket, limits: Limits, *, filters: bool) -> None:
        self._control = control
        self._limits = limits
        self._filters = filters
        self._id = os.getpid()
        self._status_of: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, wake = socket.socketpair()
        self._wakeup.setblocking(False)
        wake.setblocking(False)
        self._inherited = [control, self._wakeup, wake]
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the wakeup descriptor needs a handler
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
        except OSError:  # out of memory or processes; the parent sees both sockets close
            connection.close()
            status.close()
            return
        if process_id == 0:
            self._become_child(connection, status)
        connection.close()
        with contextlib.suppress(OSError):  # already cancelled: the selector reports the closed socket next
            status.send(b"f")
        self._status_of[process_id] = status
        self._selector.register(status, selectors.EVENT_READ, process_id)

    def _kill(self, process_id: int) -> None:
        # The parent never writes to a status socket: if it is readable, it is closed.
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
            ended = Ended(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
            with self._status_of.pop(process_id) as status_socket:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(status_socket)
                with contextlib.suppress(OSError):
                    status_socket.send(msgspec.json.encode(ended))

    def _become_child(self, connection: socket.socket, status: socket.socket) -> NoReturn:
        code = 1
        try:
            self._selector.close()
            for inherited in (*self._inherited, *self._status_of.values(), status):
                inherited.close()
            _limit_this_process(self._limits)
            confine_child(self._id, connection.fileno(), filters=self._filters)
            code = _read_one_document(connection, self._limits)
        finally:
            os._exit(code)  # No clean-up code of the server may run in the child.


# --- one document ---------------------------------------------------------------------------------------------


def _read_one_document(connection: socket.socket, limits: Limits) -> int:
    """Parse one document and send its chunks; returns the exit code of the child."""
    try:
        with connection.makefile("rb") as stream:
            name, chunk_tokens, overlap_tokens, *charset = stream.readline().decode().split()
            file_type = msgspec.convert(name, FileType)
            data = stream.read()
        limits = msgspec.structs.replace(limits, chunk_tokens=int(chunk_tokens), overlap_tokens=int(overlap_tokens))
        chunks, warnings = _read(file_type, data, limits, charset[0] if charset else None)
        batch = max(1, _BATCH_TOKENS // limits.chunk_tokens)
        for start in range(0, len(chunks), batch):
            _send(connection, Chunks(chunks[start : start + batch]))
        _send(connection, Finished(warnings))
    except DocumentRejectedError as error:
        _send(connection, Rejected(error.detail, type(error.__cause__).__name__ if error.__cause__ else ""))
    except MemoryError:
        return EXIT_MEMORY
    except OSError:
        return 0  # the parent closed the connection
    return 0


def _read(
    file_type: FileType, data: bytes, limits: Limits, charset: str | None = None
) -> tuple[list[TextChunk], list[str]]:
    document = parse(file_type, data, charset)
    chunks = split(
        document,
        chunk_tokens=limits.chunk_tokens,
        overlap_tokens=limits.overlap_tokens,
        max_chunks=limits.max_chunks,
    )
    return chunks, document.warnings


def _send(connection: socket.socket, message: Message) -> None:
    encoded = msgspec.msgpack.encode(message)
    connection.sendall(LENGTH.pack(len(encoded)) + encoded)


def _limit_this_process(limits: Limits) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGXCPU, signal.SIGALRM, signal.SIGABRT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.setitimer(signal.ITIMER_REAL, limits.timeout_s)
    os.dup2(1, 2)  # The log must not contain the libraries' warnings about a document.
    os.nice(5)  # requests have priority
    # The soft limit sends SIGXCPU, which identifies the cause; the hard limit sends SIGKILL, which does not.
    _limit(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)
    # RLIMIT_DATA counts allocated memory; RLIMIT_AS would also count mapped libraries.
    _limit(resource.RLIMIT_DATA, limits.memory_mb * 2**20 + recognition.loaded_bytes())
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)  # the child cannot write files


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    _, most = resource.getrlimit(kind)
    wanted = (soft, soft if hard is None else hard)
    resource.setrlimit(kind, wanted if most == resource.RLIM_INFINITY else (min(soft, most), min(wanted[1], most)))
