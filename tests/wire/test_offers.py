"""Header fields of the protocol: Upgrade, Expect and Host; and targets that are URLs."""

from __future__ import annotations

import pytest

from tests.wire.served import Served, get, post

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
WEBSOCKET = ("Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
SIZED = ("Content-Length: 5",), b"GET /"
CHUNKED = ("Transfer-Encoding: chunked",), b"2\r\nGE\r\n3\r\nT /\r\n0\r\n\r\n"


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET])
def test_an_offer_to_change_the_protocol_is_ignored(offer: tuple[str, ...]) -> None:
    with Served() as served:
        client = served.client().send(get("/path/a", *offer) + get("/path/b"))
        assert client.answer().json() == {"path": "/path/a"}
        assert client.answer().json() == {"path": "/path/b"}


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET])
@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
def test_a_request_with_an_offer_may_have_a_body(
    offer: tuple[str, ...], framing: tuple[tuple[str, ...], bytes], piece_bytes: int
) -> None:
    """Java's HTTP client makes the offer with the first request of each connection."""
    with Served() as served:
        headers, body = framing
        sent = (post("/body", *offer, *headers) + body) * 2 + post("/body", *headers) + body + get("/path/b", *offer)
        client = served.client()
        for start in range(0, len(sent), piece_bytes):
            client.send(sent[start : start + piece_bytes])
        assert [client.answer().json() for _ in range(3)] == [{"size": 5}] * 3
        assert client.answer().json() == {"path": "/path/b"}
        assert served.application.seen == ["/body", "/body", "/body", "/path/b"]


def test_a_body_behind_an_offer_keeps_the_limits() -> None:
    with Served() as served:
        assert served.client().send(post("/refused", *H2C, "Content-Length: 1000000000")).answer().status == 401
        assert served.client().send(post("/body", *H2C, *CHUNKED[0]) + b"zz\r\n").answer().status == 400
        empty = b"1;" + b"a" * 2000 + b"\r\nx\r\n"
        assert served.client().send(post("/body", *H2C, *CHUNKED[0]) + empty * 60).answer().status == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("", 200), ("cabinet", 200), ("cabinet:8080", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200),
        ("[::1%25lo]", 200), ("my_host.example", 200), ("a:", 200),
        ("a b", 400), ("a/b", 400), ("user@a", 400), ("a?b", 400), ("a#b", 400), ('a">', 400), ("a:b", 400),
        ("[::1", 400), ("a, b", 400), ("\\a", 400),
    ],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address(host: str, status: int) -> None:
    with Served() as served:
        for version in ("1.0", "1.1"):
            request = f"GET /path/a HTTP/{version}\r\nHost: {host}\r\n\r\n".encode()
            assert served.client().send(request).answer().status == status


def test_a_client_of_http_1_0_gets_no_interim_answer() -> None:
    with Served() as served:
        fields = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        assert served.client().send(f"POST /body HTTP/1.1\r\nHost: a\r\n{fields}".encode()).interim() == 100
        client = served.client().send(f"POST /body HTTP/1.0\r\n{fields}01234".encode())
        assert client.answer().json() == {"size": 5}


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://cabinet/path/a", "cabinet", 200), ("HTTPS://Cabinet:80/path/a?b=c", "cabinet:80", 200),
        ("http://evil.example/path/a", "cabinet", 400), ("http://cabinet:81/path/a", "cabinet", 400),
        ("http://user:word@cabinet/path/a", "cabinet", 400), ("http://cabinet@evil.example/path/a", "cabinet", 400),
        ("ftp://cabinet/path/a", "cabinet", 400), ("file:///path/a", "", 400), ("http://cabinet", "cabinet", 400),
        ("/path/a#b", "cabinet", 400), ("/path/a?b#c", "cabinet", 400), ("//evil.example/path/a", "cabinet", 404),
    ],
)  # fmt: skip
def test_a_target_that_is_a_url_names_the_host_of_the_request(target: str, host: str, status: int) -> None:
    with Served() as served:
        request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        assert served.client().send(request).answer().status == status
