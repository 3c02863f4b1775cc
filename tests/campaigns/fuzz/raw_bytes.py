"""Bytes at the socket that are almost HTTP: each connection is answered or closed, and the server continues."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import time
from collections import Counter
from urllib.parse import urlsplit

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LINES = [
    b"GET /me HTTP/1.1", b"POST /search HTTP/1.1", b"HEAD / HTTP/1.0", b"PATCH /me/preferences HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"GET http://other/me HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"PRI * HTTP/2.0",
    b"DELETE /documents/%00 HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"POST /documents HTTP/1.1", b"BREW / HTTP/9.9",
]  # fmt: skip
_HEADERS = [
    b"Host: a", b"Content-Length: 2", b"Content-Length: -1", b"Content-Length: 99999999999999999999",
    b"Content-Length: 2, 3", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity, chunked",
    b"Connection: close", b"Content-Type: application/json", b"Content-Type: multipart/form-data; boundary=cut",
    b"Expect: 100-continue",
    b"Upgrade: websocket", b"Connection: upgrade", b": empty", b"no colon", b"X-Long: " + b"x" * 9000, b" folded",
    b"X-Request-Id: \x00\x1b[31m", b"Authorization: Bearer \xff", b"Cabinet-User: ..", b"Content-Encoding: gzip",
    b"Cookie: " + b"a=b; " * 500, b"Range: bytes=0-", b"Idempotency-Key: \t",
]  # fmt: skip
_BODIES = [
    b"", b"{}", b"2\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n", b"-1\r\n",
    b"[" * 999,
    b"--cut\r\n\r\n", b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n" * 3,
]  # fmt: skip


def request(generator: random.Random, key: str) -> bytes:
    """Return one approximate request."""
    if generator.random() < 0.1:
        return generator.randbytes(generator.choice([1, 20, 3000]))
    headers = generator.sample(_HEADERS, generator.randrange(6))
    headers += [f"Authorization: Bearer {key}".encode()] if generator.random() < 0.7 else []
    end = generator.choice([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
    sent = bytearray(end.join([generator.choice(_LINES), *headers, b"", b""]) + generator.choice(_BODIES))
    for _ in range(generator.choice([0, 0, 1, 3])):
        place = generator.randrange(len(sent) + 1)
        match generator.randrange(3):
            case 0:
                sent[place : place + 1] = generator.randbytes(1)
            case 1:
                del sent[place : place + generator.randrange(20)]
            case _:
                sent[place:place] = generator.choice([b"\x00", b"\r\n", b" ", b"\xff", b"\x0b", b"%0d%0a"])
    return bytes(sent)


def fuzz_socket(url: str, key: str, seed: int, until: float, most: int | None = None) -> Counter[str]:
    """Send requests until a time of `time.monotonic`, or until there were `most`; count the answers by status."""
    generator, counts = random.Random(seed), Counter[str]()
    place = urlsplit(url)
    assert place.hostname is not None
    while time.monotonic() < until and (most is None or counts.total() < most):
        with socket.create_connection((place.hostname, place.port or 80), timeout=10) as connection:
            statuses = _converse(connection, request(generator, key), is_patient=generator.random() < 0.9)
        counts.update(statuses or ["closed"])
    return counts


def _converse(connection: socket.socket, sent: bytes, *, is_patient: bool) -> list[str]:
    answer = b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(sent)
        if not is_patient:
            return ["left"]
        # The rest that the server waits for does not arrive.
        connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:
            return ["left open"]
    return [status.decode() for status in _STATUS.findall(answer)]
