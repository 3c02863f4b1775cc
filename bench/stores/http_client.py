"""A lightweight client for HTTP/1.1 and JSON, the same for every server. It keeps its connections open."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

_Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HEAD_END = b"\r\n\r\n"
_ANSWER_TIMEOUT_S = 120.0


class HttpClient:
    """Posts JSON to one server; concurrent calls use separate connections."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        fields = {"Host": "localhost", "Content-Type": "application/json", **(headers or {})}
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: Any) -> Any:
        """The answer's body, decoded.

        Raises:
            RuntimeError: the answer was not 200.
        """
        content = msgspec.json.encode(body)
        head = f"POST {path} HTTP/1.1\r\n{self._fields}Content-Length: {len(content)}\r\n\r\n"
        request = head.encode() + content
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            status, received = await self._exchange(request)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {received[:300].decode(errors='replace')}")
        return msgspec.json.decode(received)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        while True:
            is_reused = bool(self._idle)
            connection = self._idle.pop() if is_reused else await asyncio.open_connection(self._host, self._port)
            reader, writer = connection
            try:
                writer.write(request)
                status, length = _parse_head(await reader.readuntil(_HEAD_END))
                received = await reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                # A server closes connections that were idle for some seconds; a new connection must work.
                if not is_reused:
                    raise
                continue
            self._idle.append(connection)
            return status, received

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()


def _parse_head(head: bytes) -> tuple[int, int]:
    """The status and the length of the body."""
    lines = head.decode("latin-1").split("\r\n")
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(lines[0].split(" ")[1]), int(value)
    raise RuntimeError(f"the answer has no Content-Length: {lines[0]}")
