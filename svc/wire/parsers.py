"""The parsers of a connection: one for whole requests, and one for a body whose head another parser has read.

The parser ends a request with the header Upgrade after its head, as if the connection then spoke another protocol. A
server may ignore the offer, and some clients make it with every request, so that the body has a parser of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httptools


class Receiver(Protocol):
    """A connection, as this module sees it."""

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""

    def on_message_complete(self) -> None:
        """End the request's body."""


class _BodyOnly:
    """The callbacks for a body: those for a head are not there, and the parser calls none."""

    on_body: Callable[[bytes], None]
    on_message_complete: Callable[[], None]

    def __init__(self, receiver: Receiver) -> None:
        self.on_body = receiver.on_body
        self.on_message_complete = receiver.on_message_complete


def request_parser(receiver: object) -> httptools.HttpRequestParser:
    """Return a parser of requests."""
    parser = httptools.HttpRequestParser(receiver)
    # As uvicorn's: requests after one with `Connection: close` are no reason to refuse that one.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def body_parser(receiver: Receiver, size: int | None) -> httptools.HttpRequestParser:
    """Return a parser that waits for a body of `size` bytes (None: a chunked one)."""
    parser = request_parser(_BodyOnly(receiver))
    field = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    parser.feed_data(f"POST / HTTP/1.1\r\nHost:\r\n{field}\r\n\r\n".encode())
    return parser
