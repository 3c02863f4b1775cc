"""The HTTP connection to an embedding endpoint, which is not trusted.

The texts go to the configured address only: no redirect is followed, and a proxy is used only if
`CABINET_EMBEDDING_PROXY` names one, because variables such as `HTTP_PROXY` are meant for other programs. An answer
is read up to a limit after decompression, so that half a megabyte of gzip cannot become a gigabyte.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import httpx2

from svc.embedding.failures import AttemptFailedError
from svc.printable import shortened

logger = logging.getLogger(__name__)

_FRAME_BYTES: Final = 4 * 2**20
_BYTES_PER_TEXT: Final = 1024
_BYTES_PER_NUMBER: Final = 48
"""A number in decimal has at most 24 characters; the rest is for white space. In base64 it takes 5.3 bytes."""

ERROR_BYTES: Final = 64 * 2**10
"""The part of an error's body that is read. Only its message is used."""

_SHOWN_CHARACTERS: Final = 200
_DROPPED_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding", "location"})
"""The first three describe the body before decompression; the client would parse the address of a redirect."""

_YIELD_BYTES: Final = 512 * 2**10

_limit_bytes: ContextVar[int] = ContextVar("embedding_answer_limit_bytes", default=_FRAME_BYTES)


def answer_limit(texts: int, dimensions: int) -> int:
    """The largest answer, in bytes after decompression, that is accepted for this number of texts."""
    return _FRAME_BYTES + texts * (_BYTES_PER_TEXT + dimensions * _BYTES_PER_NUMBER)


@contextmanager
def limited_answer(limit_bytes: int) -> Iterator[None]:
    """Limit the answers to requests that this task sends within the block."""
    token = _limit_bytes.set(limit_bytes)
    try:
        yield
    finally:
        _limit_bytes.reset(token)


def create_client(timeout_s: float, connections: int, proxy: str | None) -> httpx2.AsyncClient:
    """Returns a client that follows no redirects, uses no proxy but `proxy`, and bounds each answer."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    # With its own transport, the client does not read the proxies of the environment.
    return httpx2.AsyncClient(
        transport=_BoundedTransport(httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy)),
        timeout=timeout_s,
        follow_redirects=False,
    )


class _BoundedTransport(httpx2.AsyncBaseTransport):
    """Reads each answer whole, up to the limit. Nothing above it decompresses or reads from the network."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its whole answer.

        Raises:
            AttemptFailedError: the answer exceeds the limit.
        """
        response = await self._transport.handle_async_request(request)
        try:
            body = await _read(response, _limit_bytes.get())
        finally:
            await response.aclose()
        if "location" in response.headers:
            address = shortened(response.headers["location"], _SHOWN_CHARACTERS)
            logger.warning("the embedding endpoint answered %d, with the address %s", response.status_code, address)
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _DROPPED_HEADERS]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


async def _read(response: httpx2.Response, limit_bytes: int) -> bytes:
    """The body; of an error only the beginning."""
    pieces: list[bytes] = []
    size = unyielded = 0
    # The library decompresses in pieces of at most a megabyte, about two milliseconds each.
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        unyielded += len(piece)
        if response.is_error and size >= ERROR_BYTES:
            return b"".join(pieces)[:ERROR_BYTES]
        if size > limit_bytes:
            raise AttemptFailedError(
                f"the embedding endpoint's answer is too long: it has more than {limit_bytes:,} bytes, the "
                "maximum for this number of texts and dimensions"
            )
        if unyielded >= _YIELD_BYTES:
            unyielded = 0
            await asyncio.sleep(0)
    return b"".join(pieces)
