"""A parser that a document has taken over: it tries every way out of its process, and reports the open ones."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from svc.ingest import confinement, parser_server, syscall_numbers
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.formats import FileType
from svc.ingest.parse import parse

MARK = b"HOSTILE"
libc = ctypes.CDLL(None, use_errno=True)


def serve(control_descriptor: str, limits_json: str, without: str) -> None:
    """The parser server with this parser, and without one of its barriers."""
    parser_server.parse = take_over  # type: ignore[attr-defined]
    if without == "seccomp":
        confinement._filter = refuse_to_build  # type: ignore[assignment]
    elif without == "Landlock":
        confinement._restrict_by_landlock = refuse_to_build
    elif without == "user":
        confinement._become_parser_user = lambda: None
    elif without == "everything":
        parser_server.confine_server = lambda: []  # type: ignore[attr-defined]
        parser_server.confine_child = lambda *_, **__: None  # type: ignore[attr-defined]
    parser_server.serve(control_descriptor, limits_json)


def refuse_to_build(*_: object) -> None:
    raise OSError("not on this kernel")


def take_over(file_type: FileType, data: bytes, charset: str | None = None) -> ReadDocument:
    if not data.startswith(MARK):
        return parse(file_type, data, charset)
    target = json.loads(data.removeprefix(MARK))
    if target.get("only") == "exec":
        with contextlib.suppress(PermissionError):
            os.execv("/bin/sh", ["/bin/sh", "-c", "exit 7"])
        return document("It went on.", {})
    if target.get("only") == "other numbering":
        libc.syscall(ctypes.c_long(0x4000_0000 + syscall_numbers.NUMBERS["getpid"][0]))
    found = {}
    for name, door in doors(target).items():
        try:
            found[name] = "shut" if door() in (None, False, -1) else "open"
        except Exception as error:  # noqa: BLE001 - whatever it is, the door is shut
            found[name] = f"shut: {error!r}"
    return document("The doors.", found)


def document(text: str, found: dict[str, str]) -> ReadDocument:
    """A document that contains the findings instead of a page."""
    writer = Writer()
    writer.place = found
    writer.add("text", text)
    return writer.document()


def doors(target: dict[str, str | int]) -> dict[str, Callable[[], object]]:
    """Each returns a value other than None, False and -1 if it succeeded."""
    server, address, secret = int(target["server"]), int(target["address"]), str(target["secret"]).encode()
    key_file, folder = Path(str(target["key_file"])), Path(str(target["folder"]))

    def call(name: str, *arguments: object) -> int:
        numbers = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
        number = syscall_numbers.NUMBERS[name][sys.platform == "linux" and os.uname().machine == "aarch64"]
        return int(libc.syscall(ctypes.c_long(number or 0), *numbers))

    def done(action: Callable[..., None], *arguments: object) -> Callable[[], bool]:
        """A way out that is open if the action raises nothing."""

        def door() -> bool:
            action(*arguments)
            return True

        return door

    def memory() -> bool:
        with Path(f"/proc/{server}/mem").open("rb", buffering=0) as file:
            file.seek(address)
            return file.read(len(secret)) == secret

    def memory_by_call() -> bool:
        taken = ctypes.create_string_buffer(len(secret))
        here = (ctypes.c_size_t * 2)(ctypes.addressof(taken), len(secret))
        there = (ctypes.c_size_t * 2)(address, len(secret))
        one = ctypes.c_ulong(1)
        call("process_vm_readv", server, here, one, there, one, ctypes.c_ulong(0))
        return taken.raw == secret

    def connect(family: int, address: object) -> bool:
        with socket.socket(family) as sock:
            sock.connect(address)  # type: ignore[arg-type]
            return True

    def listen() -> bool:
        with socket.create_server(("127.0.0.1", 0)):
            return True

    def forks() -> int:
        """The number of processes, of ten, that it may start; each ends immediately."""
        started = 0
        for _ in range(10):
            process_id = os.fork()
            if process_id == 0:
                os._exit(0)
            os.waitpid(process_id, 0)
            started += 1
        return started

    def thread() -> bool:
        started = threading.Thread(target=lambda: None)
        started.start()
        started.join()
        return True

    def shell() -> bool:
        return subprocess.run(["/bin/sh", "-c", "exit 0"], check=True).returncode == 0

    def signal_by_descriptor() -> bool:
        """Let the kernel send a chosen signal to the server when a descriptor becomes readable."""
        return fcntl.fcntl(0, fcntl.F_SETOWN, server) == 0

    def descriptors() -> bool:
        """Whether it has more descriptors than three of /dev/null and its connection."""
        held = 0
        for number in range(1024):
            with contextlib.suppress(OSError):
                fcntl.fcntl(number, fcntl.F_GETFD)
                held += 1
        return held > 4

    def limits() -> bool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        return True

    return {
        "inherited descriptors": descriptors,  # This is first, since the others leave some descriptors behind.
        "environment of the server": lambda: Path(f"/proc/{server}/environ").read_bytes(),
        "memory of the server": memory,
        "memory of the server by a call": memory_by_call,
        "trace the server": lambda: (
            call("ptrace", 0x4206, server, 0, 0) == 0
        ),  # PTRACE_SEIZE does not stop the process.
        "descriptors of the server": lambda: call("pidfd_open", server, 0),
        "signal the server": done(os.kill, server, signal.SIGURG),  # This signal is ignored by default.
        "signal the server by a descriptor": signal_by_descriptor,
        "signal the parser server": done(os.kill, os.getppid(), signal.SIGURG),
        "signal the group": done(os.kill, 0, 0),
        "limits of the server": lambda: resource.prlimit(server, resource.RLIMIT_CORE),
        "admin's key": key_file.read_bytes,
        "any file": lambda: Path("/etc/passwd").read_bytes(),
        "a folder": lambda: list(Path("/").iterdir()),
        "write a file": done((folder / "written").touch),
        "the database's socket": lambda: connect(socket.AF_UNIX, target["socket"]),
        "TCP": lambda: connect(socket.AF_INET, ("127.0.0.1", target["port"])),
        "listen": listen,
        "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno(),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno(),
        "fork": forks,
        "thread": thread,
        "shell": shell,
        "become root": done(os.setuid, 0),
        "io_uring": lambda: call("io_uring_setup", 1, ctypes.create_string_buffer(120)),
        "namespace": lambda: call("unshare", 0x1000_0000) == 0,
        "a file in memory": lambda: os.memfd_create("x"),
        "stop the alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 100.0),
        "survive the parser server": lambda: libc.prctl(1, 0, 0, 0, 0) == 0,
        "change limits": limits,
        "leave the group": done(os.setsid),
        "inherited environment": lambda: os.environ.get("OPENAI_API_KEY"),
    }
