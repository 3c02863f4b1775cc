"""Request targets that are not paths, sent to a separate server over a socket, since clients do not send them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """The address of a server that runs during the tests."""
    with ServerProcess() as server:
        parts = urlsplit(server.url)
        yield parts.hostname or "", parts.port or 0


@pytest.mark.parametrize(
    "target", ["*", "http://cabinet/", "http://cabinet//", "http://cabinet/chat", "//", "/?", "*?a"]
)
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_a_target_that_is_not_a_path_is_not_a_fault_of_the_server(
    address: tuple[str, int], method: str, target: str
) -> None:
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: cabinet\r\nConnection: close\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.split(b" ")[1] in (b"200", b"400", b"404", b"405")
