"""The strangers of `tests.campaigns.strangers`: each attack is a coroutine that sends until its time is over."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import uvloop

# The maximum number of connections that one attack opens per second; more would be a load test of the kernel.
_OPENED_PER_S = 2000
# A process with this gets a fifteenth of the time of one without, where both need a processor.
_NICE = 12


@dataclass(frozen=True)
class Target:
    """The server, the key of a user of the strangers', and a large document of that user's."""

    url: str
    key: str
    document_id: str
    connections: int
    document_bytes: int

    @property
    def address(self) -> tuple[str, int]:
        """The address of the server."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0


class Stranger:
    """One raw connection, opened again when the server closes it."""

    def __init__(self, target: Target, *, receive_bytes: int | None = None) -> None:
        self.target = target
        self._receive_bytes = receive_bytes
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        """Connect."""
        self.close()
        connection = socket.socket()
        connection.setblocking(False)
        if self._receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_bytes)
        self._socket = connection
        await asyncio.get_running_loop().sock_connect(connection, self.target.address)

    async def send(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            OSError: the server has closed the connection.
        """
        assert self._socket is not None
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def closed(self) -> None:
        """Read and discard until the server closes the connection."""
        assert self._socket is not None
        while await asyncio.get_running_loop().sock_recv(self._socket, 65536):
            pass

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()


def _get(target: Target, path: str, *, key: bool = True) -> bytes:
    access = f"Authorization: Bearer {target.key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nHost: cabinet\r\n{access}\r\n".encode()


def _upload(target: Target, size: int) -> bytes:
    return (
        f"POST /documents HTTP/1.1\r\nHost: cabinet\r\nAuthorization: Bearer {target.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


async def _repeatedly(stranger: Stranger, once: Callable[[Stranger], Awaitable[None]]) -> None:
    """Repeat this, with a new connection each time that the server has closed one."""
    try:
        while True:
            try:
                await stranger.open()
                await once(stranger)
            except OSError:
                pass
            await asyncio.sleep(random.uniform(1, 5))
    finally:
        stranger.close()


async def _many(
    target: Target, count: int, once: Callable[[Stranger], Awaitable[None]], receive_bytes: int | None = None
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_repeatedly(Stranger(target, receive_bytes=receive_bytes), once))
            if number % 20 == 19:
                await asyncio.sleep(20 / _OPENED_PER_S)


async def nobody(_target: Target) -> None:
    """No attack, for comparison with the service of other clients on this machine with its other load."""
    await asyncio.sleep(3600)


async def endless_header(target: Target) -> None:
    """One endless header field, as fast as possible."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(b"GET / HTTP/1.1\r\nHost: cabinet\r\nX: ")
        while True:
            await stranger.send(b"x" * 65536)

    await _many(target, 4, once)


async def many_headers(target: Target) -> None:
    """Endless header fields."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(b"GET / HTTP/1.1\r\nHost: cabinet\r\n")
        while True:
            await stranger.send(b"X: y\r\n" * 10_000)

    await _many(target, 4, once)


async def slow_header(target: Target) -> None:
    """A header that arrives byte by byte."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(b"GET / HTTP/1.1\r\nHost: cabinet\r\nX: ")
        while True:
            await stranger.send(b"x")
            await asyncio.sleep(1)

    await _many(target, min(500, target.connections), once)


async def slow_body(target: Target) -> None:
    """Large bodies that arrive at once, except for their ends, and then byte by byte."""

    async def once(stranger: Stranger) -> None:
        size = target.document_bytes
        await stranger.send(_upload(target, size) + b'{"filename": "a.txt", "content": "')
        for _ in range(size // 2**20 - 1):
            await stranger.send(b"x" * 2**20)
        while True:
            await stranger.send(b"x")
            await asyncio.sleep(1)

    await _many(target, 12, once)


async def stalled_body(target: Target) -> None:
    """Many bodies of which nothing arrives."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(_upload(target, 1000) + b"{")
        await stranger.closed()

    await _many(target, min(2000, target.connections), once)


async def tiny_chunks(target: Target) -> None:
    """A body in chunks of one byte with long extensions."""

    async def once(stranger: Stranger) -> None:
        head = _upload(target, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        await stranger.send(head)
        while True:
            await stranger.send(b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n \r\n" * 1000)

    await _many(target, 4, once)


async def pipelined(target: Target) -> None:
    """Endless requests, whose answers are not read."""

    async def once(stranger: Stranger) -> None:
        requests = _get(target, "/nowhere", key=False) * 1000
        while True:
            await stranger.send(requests)

    await _many(target, 4, once)


async def idle(target: Target) -> None:
    """Connections that stay silent."""
    await _many(target, target.connections, Stranger.closed)


async def half_sent(target: Target) -> None:
    """Connections with half a header."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(b"GET /me HTTP/1.1\r\nHost: cab")
        await stranger.closed()

    await _many(target, target.connections, once)


async def unread(target: Target) -> None:
    """Readers who do not read a large document."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(_get(target, f"/documents/{target.document_id}/content"))
        await asyncio.sleep(3600)

    await _many(target, 40, once, receive_bytes=4096)


async def nonsense(target: Target) -> None:
    """Connections that send no HTTP."""

    async def once(stranger: Stranger) -> None:
        await stranger.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n" * 100)
        await stranger.closed()

    await _many(target, min(200, target.connections), once)


Attack = Callable[[Target], Coroutine[Any, Any, None]]
_SINGLE: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        endless_header, many_headers, slow_header, slow_body, stalled_body, tiny_chunks, pipelined, idle, half_sent,
        unread, nonsense,
    )
}  # fmt: skip


async def everything(target: Target) -> None:
    """All attacks together."""
    share = Target(target.url, target.key, target.document_id, target.connections // 4, target.document_bytes)
    async with asyncio.TaskGroup() as group:
        for attack in _SINGLE.values():
            group.create_task(attack(share))


ATTACKS: dict[str, Attack] = {"nobody": nobody, **_SINGLE, "everything": everything}


def run_attack(name: str, target: Target, seconds: float) -> None:
    """Run one attack for this number of seconds, and close its connections."""
    give_way()
    uvloop.run(_bounded(ATTACKS[name], target, seconds))


def give_way() -> None:
    """Let the server and its other clients have the processors first, as if this process ran on another machine."""
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


async def _bounded(attack: Attack, target: Target, seconds: float) -> None:
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await attack(target)
    except TimeoutError:
        assert time.monotonic() - started >= seconds - 1, "the attack ended early"
