"""One connection through the proxy of `tests/proxy.py`, and the messages of PostgreSQL's protocol in it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, Protocol

_PROTOCOL_3 = 196608
_PART_BYTES = 65536
# SO_LINGER with a timeout of 0: closing sends a reset.
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

Then = Literal["reset", "silence"]
"""The fate of a connection whose reply was dropped."""


class Network(Protocol):
    """The interface between a link and its proxy. `dropped` counts the dropped replies."""

    dropped: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the server."""

    def takes_reply(self, statement: bytes) -> Then | None:
        """The fault that replaces the reply to a statement; None if its reply passes."""


class Link:
    """One connection through the proxy. `application` and `backend_pid` are known once it has logged in."""

    def __init__(self, number: int, network: Network, client: asyncio.StreamWriter) -> None:
        self.number = number
        self.application = ""
        self.backend_pid: int | None = None
        self.delay_s = 0.0
        self.is_lost = False
        self.passes = asyncio.Event()
        self._network = network
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._is_started = False
        self._sent = bytearray()
        self._received = bytearray()
        self._texts: dict[bytes, bytes] = {}
        self._swallows: Then | None = None

    async def run(self, client: asyncio.StreamReader) -> None:
        """Pass data in both directions until one side closes."""
        await self._may_pass()
        server, self._server = await self._network.connect()
        await asyncio.gather(
            self._pump(client, self._server, self._note_sent), self._pump(server, self._client, self._note_received)
        )

    def close(self, *, resets: bool) -> None:
        """Close both sides, with a reset if `resets`."""
        for writer in (self._client, self._server):
            if writer is None:
                continue
            end = writer.get_extra_info("socket")
            if resets and end is not None:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    async def _may_pass(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self.passes.wait()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, note: Callable[[bytes], bool]
    ) -> None:
        try:
            while data := await source.read(_PART_BYTES):
                await self._may_pass()
                if note(data):
                    target.write(data)
                    await target.drain()
            await self._may_pass()
            target.close()
        except OSError:
            # The other side gets a reset only through a working network.
            await self._may_pass()
            self.close(resets=True)

    def _note_sent(self, data: bytes) -> bool:
        """Examine the client's bytes; returns whether to pass them on."""
        self._sent += data
        while not self._is_started and (packet := _first_packet(self._sent)) is not None:
            self._note_start(packet)
        if self._is_started:
            for kind, body in _messages(self._sent):
                self._note_statement(kind, body)
        return True

    def _note_start(self, packet: bytes) -> None:
        # Other packets request TLS, or cancel the statement of another connection.
        if int.from_bytes(packet[:4], "big") == _PROTOCOL_3:
            words = packet[4:].split(b"\0")
            values = dict(zip(words[::2], words[1::2], strict=False))
            self.application = values.get(b"application_name", b"").decode()
            self._is_started = True

    def _note_statement(self, kind: bytes, body: bytes) -> None:
        text = None
        if kind == b"Q":
            text = body
        elif kind == b"P":
            name, text_of_name = body.split(b"\0", 2)[:2]
            self._texts[name] = text_of_name
        elif kind == b"B":
            text = self._texts.get(body.split(b"\0", 2)[1])
        if text is not None and (then := self._network.takes_reply(text)) is not None:
            self._swallows = then

    def _note_received(self, data: bytes) -> bool:
        """Examine the server's bytes; returns whether to pass them on."""
        if not self._is_started:
            # The answer to a request for TLS.
            return True
        self._received += data
        passes = self._swallows is None
        for kind, body in _messages(self._received):
            if kind == b"K":
                self.backend_pid = int.from_bytes(body[:4], "big")
            if kind == b"Z" and self._swallows is not None:
                # The server has ended the transaction, if there was one.
                self._lose_reply(self._swallows)
        return passes

    def _lose_reply(self, then: Then) -> None:
        self._swallows = None
        self._network.dropped += 1
        if then == "reset":
            self.close(resets=True)
        else:
            self.is_lost = True
            self.passes.clear()


def _first_packet(buffer: bytearray) -> bytes | None:
    """Remove the first packet of a connection, which has a length but no type, from the buffer; None if incomplete."""
    if len(buffer) < 4 or len(buffer) < (length := int.from_bytes(buffer[:4], "big")):
        return None
    packet = bytes(buffer[4:length])
    del buffer[:length]
    return packet


def _messages(buffer: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Remove the complete messages from the buffer: the type and the body of each."""
    start = 0
    while len(buffer) - start >= 5:
        end = start + 1 + int.from_bytes(buffer[start + 1 : start + 5], "big")
        if len(buffer) < end:
            break
        yield bytes(buffer[start : start + 1]), bytes(buffer[start + 5 : end])
        start = end
    del buffer[:start]
