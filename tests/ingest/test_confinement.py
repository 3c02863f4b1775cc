"""A hostile parser cannot escape, whichever barrier around it the kernel lacks."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import platform
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest import parser_process
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.syscall_numbers import NUMBERS
from svc.settings import Settings
from tests.ingest.hostile_parser import MARK
from tests.ingest.test_sandbox import SLOW_PAGE, children_of, eventually, is_running, parser_servers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these barriers")

SECRET = "ck_admin_the-secret-of-the-server"
PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from tests.ingest.hostile_parser import serve; serve(*sys.argv[1:3], %r)"
)
HEADERS = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}


@asynccontextmanager
async def hostile(monkeypatch: pytest.MonkeyPatch, without: str = "") -> AsyncIterator[ParserSandbox]:
    monkeypatch.setattr(parser_process, "_PROGRAM", PROGRAM % without)
    monkeypatch.setattr(parser_process, "_reported", set())
    opened = ParserSandbox(Settings())
    try:
        yield opened
    finally:
        await opened.close()


async def open_doors(opened: ParserSandbox, folder: Path) -> set[str]:
    """The ways out that the parser found, of a server like this process."""
    (key_file := folder / "admin.key").write_text(SECRET)
    key_file.chmod(0o600)
    (writable := folder / "writable").mkdir()
    writable.chmod(0o777)
    memory = ctypes.create_string_buffer(SECRET.encode())
    with socket.socket(socket.AF_UNIX) as local, socket.create_server(("127.0.0.1", 0)) as tcp:
        local.bind(str(folder / "socket"))
        local.listen()
        target = {
            "server": os.getpid(), "address": ctypes.addressof(memory), "secret": SECRET, "key_file": str(key_file),
            "folder": str(writable), "socket": str(folder / "socket"), "port": tcp.getsockname()[1],
        }  # fmt: skip
        (chunk,) = await opened.chunks("text", MARK + json.dumps(target).encode())
    assert len(chunk.metadata) > 30
    return {name for name, state in chunk.metadata.items() if state == "open"}


async def test_the_doors_are_real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Control: without confinement, the ways out are open."""
    async with hostile(monkeypatch, without="everything") as opened:
        found = await open_doors(opened, tmp_path)
    assert found >= {
        "environment of the server", "memory of the server", "memory of the server by a call", "trace the server",
        "signal the server", "signal the server by a descriptor", "signal the parser server", "signal the group",
        "limits of the server", "admin's key", "any file", "a folder", "write a file", "the database's socket", "TCP",
        "listen", "UDP", "netlink", "fork", "thread", "shell", "a file in memory", "stop the alarm", "change limits",
        "leave the group",
    }  # fmt: skip


# When the tests run as root and the parser has no other user, it is root with every capability.
@pytest.mark.parametrize("without", ["", "user", "Landlock"])
async def test_every_door_is_shut(without: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    async with hostile(monkeypatch, without) as opened:
        assert await open_doors(opened, tmp_path) == set()
        assert (await opened.chunks("text", b"still at work"))[0].content == "still at work"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts parsers as another user")
async def test_without_seccomp_the_other_walls_keep_the_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "svc.ingest.parser_process"):
        async with hostile(monkeypatch, "seccomp") as opened:
            found = await open_doors(opened, tmp_path)
        assert not found & {
            "environment of the server", "memory of the server", "memory of the server by a call", "trace the server",
            "signal the server", "admin's key", "any file", "a folder", "write a file", "TCP", "listen", "fork",
            "thread", "shell", "become root", "inherited descriptors", "inherited environment",
        }  # fmt: skip
        async with hostile(monkeypatch, "seccomp") as opened:
            parser_process._reported.add("seccomp")
            await opened.chunks("text", b"a second parser server")
    assert [record.getMessage() for record in caplog.records] == [
        "this system does not support these restrictions of parsers: seccomp; the others apply"
    ]


async def test_a_parser_cannot_become_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hostile(monkeypatch) as opened:
        assert (await opened.chunks("text", MARK + b'{"only": "exec"}'))[0].content == "It went on."


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86_64 has a second numbering of system calls")
async def test_a_call_in_another_numbering_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hostile(monkeypatch) as opened:
        with pytest.raises(DocumentRejectedError, match="SIGSYS"):
            await opened.chunks("text", MARK + b'{"only": "other numbering"}')


async def test_a_parser_dies_with_its_server() -> None:
    opened = ParserSandbox(Settings())
    before = set(parser_servers())
    reading = asyncio.create_task(opened.chunks("html", SLOW_PAGE))
    try:
        await eventually(lambda: set(parser_servers()) - before)
        (server,) = set(parser_servers()) - before
        await eventually(lambda: children_of(server), within_s=30)
        (child,) = children_of(server)
        os.kill(server, signal.SIGKILL)
        await eventually(lambda: not is_running(child), within_s=3)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await opened.close()


HIDDEN = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from svc.ingest.confinement import PARSER_ID, hide_process
if os.getuid() == 0:
    os.setgid(PARSER_ID), os.setuid(PARSER_ID)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of the user hides a process too
if sys.argv[2] == "hidden":
    hide_process()
print(flush=True)
input()
"""
READER = """
import os, sys
if os.getuid() == 0:
    os.setgid(65530), os.setuid(65530)
open(f"/proc/{sys.argv[1]}/environ", "rb").read()
"""


@pytest.mark.parametrize("state", ["hidden", "plain"])
def test_a_hidden_process_shows_its_environment_to_nobody_of_the_same_user(state: str) -> None:
    repository = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", HIDDEN, repository, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader = [sys.executable, "-c", READER, str(process.pid)]
        read = subprocess.run(reader, stderr=subprocess.PIPE, text=True, check=False)
        process.communicate(b"\n")
    assert (read.returncode == 0) == (state == "plain"), read.stderr


@pytest.mark.parametrize("column", [0, 1])
def test_the_numbers_are_those_of_the_kernel(column: int) -> None:
    header = Path("/usr/include") / list(HEADERS.values())[column]
    if not header.exists():
        pytest.skip(f"needs {header}")
    theirs = {
        name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    }
    assert {name: numbers[column] for name, numbers in NUMBERS.items()} == {name: theirs.get(name) for name in NUMBERS}
