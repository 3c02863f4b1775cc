"""The limits of a client's requests: heads, bodies and waiting requests."""

from __future__ import annotations

import pytest

from svc.web.problems import Problem
from svc.wire.receiving import BEGUN_BYTES, MAX_HEADERS, MAX_TARGET_BYTES, MAX_WAITING
from tests.wire.served import Answer, Client, Served, get, post, wait_until

# A chunk that is large enough for the application to begin.
CHUNK = f"{BEGUN_BYTES:x}\r\n".encode() + bytes(BEGUN_BYTES) + b"\r\n"
FIELDS = set(Problem.__struct_fields__)


def refused(client: Client, status: int) -> Answer:
    """Read a problem document like the application's, after which the connection is closed."""
    answer = client.answer()
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    problem = answer.json()
    assert set(problem) <= FIELDS
    assert {"title", "status", "detail", "request_id"} <= set(problem)
    assert problem["status"] == status
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert client.is_closed()
    return answer


def test_a_head_of_the_largest_size_is_accepted() -> None:
    with Served(max_header_bytes=4096) as served:
        head = get("/path/a", "X: ")
        head = get("/path/a", "X: " + "x" * (4096 - len(head)))
        assert len(head) == 4096
        assert served.client().send(head).answer().status == 200
        assert served.client().send(head[:2000]).send(head[2000:-2]).send(head[-2:]).answer().status == 200


@pytest.mark.parametrize("piece", [b"x" * 4096, b"x" * 100, b"X: y\r\n"])
def test_an_endless_head_is_refused(piece: bytes) -> None:
    with Served(max_header_bytes=4096) as served:
        client = served.client().send(get("/path/a")[:-2] + b"X: ")
        while client.try_to_send(piece) and not served.connections._lingering:
            pass
        refused(client, 431)


def test_an_endless_head_is_read_no_further_than_its_limit() -> None:
    """uvicorn's own protocol copied all of it for each piece: 64 MiB blocked every other request for 10 s."""
    with Served() as served:
        client = served.client().send(get("/path/a")[:-2] + b"X: ")
        sent = 0
        while sent < 16 * 2**20 and client.try_to_send(b"x" * 65536):
            sent += 65536
        assert sent < 16 * 2**20


def test_other_headers_may_be_repeated() -> None:
    with Served() as server:
        repeated = [
            f"{name}: a"
            for name in ("Cookie", "If-None-Match", "If-Match", "Accept", "X-Forwarded-For", "X-Request-Id") * 2
        ]
        assert server.client().send(get("/path/a", *repeated)).answer().status == 200
        assert server.client().send(b"GET /path/a HTTP/1.0\r\n\r\n").answer().status == 200


def test_too_many_headers_are_refused() -> None:
    with Served() as served:
        many = [f"X-{number}: y" for number in range(MAX_HEADERS - 1)]
        assert served.client().send(get("/path/a", *many)).answer().status == 200
        refused(served.client().send(get("/path/a", *many, "One-More: y")), 431)


@pytest.mark.parametrize("cut", [0, 5000, 8200])
def test_a_target_that_is_too_long_is_refused(cut: int) -> None:
    with Served() as served:
        longest = "/path/" + "a" * (MAX_TARGET_BYTES - len("/path/"))
        assert served.client().send(get(longest)).answer().status == 200
        request = get(longest + "a")
        client = served.client().send(request[:cut]).send(request[cut:])
        refused(client, 414)


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no method": b"FETCH / HTTP/1.1\r\n\r\n",
    "HTTP 0.9": b"GET /path/a\r\n\r\n",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "line feeds only": b"GET /path/a HTTP/1.1\nHost: a\n\n",
    "a space before the colon": get("/path/a", "X : y"),
    "a folded header": get("/path/a", "X: y\r\n z"),
    "a zero byte": get("/path/a", "X: \0"),
    "a host as the target": b"CONNECT cabinet:80 HTTP/1.1\r\nHost: cabinet:80\r\n\r\n",
    "a target without a path": b"GET http://cabinet HTTP/1.1\r\n\r\n",
    "two lengths": post("/body", "Content-Length: 1", "Content-Length: 1") + b"a",
    "two different lengths": post("/body", "Content-Length: 1", "Content-Length: 2") + b"ab",
    "a list of lengths": post("/body", "Content-Length: 1, 1") + b"a",
    "a signed length": post("/body", "Content-Length: +1") + b"a",
    "a negative length": post("/body", "Content-Length: -1") + b"a",
    "no length": post("/body", "Content-Length:") + b"a",
    "a length beyond 64 bits": post("/body", "Content-Length: 18446744073709551616"),
    "a length and chunks": post("/body", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and a length": post("/body", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    "two encodings": post("/body", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "two headers of encodings": post("/body", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "an unknown encoding": post("/body", "Transfer-Encoding: identity") + b"0\r\n\r\n",
    "an encoding hidden by a tab": post("/body", "Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunks in HTTP 1.0": b"POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no host": b"GET /path/a HTTP/1.1\r\n\r\n",
    "two hosts": get("/path/a", "host: other"),
    "two keys": get("/path/a", "Authorization: Bearer a", "authorization: Bearer b"),
    "two users": get("/path/a", "Cabinet-User: a", "X: y", "CABINET-USER: a"),
    "two types": post("/body", "Content-Type: text/plain", "Content-Type: application/json"),
    "two ranges": get("/path/a", "Range: bytes=0-1", "Range: bytes=2-3"),
}
CHUNKED = post("/body", "Transfer-Encoding: chunked")
MALFORMED_CHUNKS = {
    "no number": b"zz\r\na\r\n0\r\n\r\n",
    "a negative size": b"-1\r\na\r\n0\r\n\r\n",
    "a prefix": b"0x1\r\na\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000000\r\n",
    "content after the chunk": b"1\r\nabc\r\n0\r\n\r\n",
    "a line feed only": b"1\na\r\n0\r\n\r\n",
    "a malformed trailer": b"1\r\na\r\n0\r\nX : y\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("in_one_piece", [True, False])
def test_a_malformed_request_is_refused(name: str, in_one_piece: bool) -> None:
    with Served() as served:
        client = served.client()
        request = MALFORMED[name]
        if in_one_piece:
            client.send(request)
        else:
            for byte in range(len(request)):
                client.try_to_send(request[byte : byte + 1])
        refused(client, 400)
        assert served.application.seen in ([], ["/body"])
        assert served.client().send(get("/path/a")).answer().status == 200


BEGUN = b"GET /path/a HTTP/1.1\r\nHost: cabinet\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /path/a FTP", b"GET\r\n",
        BEGUN + b"no colon\r\n", BEGUN + b"a space : x\r\n", BEGUN + b"X: \x00", BEGUN + b"X: a\rb",
        BEGUN + b": no name",
    ],
)  # fmt: skip
@pytest.mark.parametrize("in_one_piece", [True, False])
def test_a_malformed_line_is_refused_before_the_head_ends(sent: bytes, *, in_one_piece: bool) -> None:
    with Served(header_timeout_s=60.0) as server:
        client = server.client()
        for piece in [sent] if in_one_piece else [sent[n : n + 1] for n in range(len(sent))]:
            client.try_to_send(piece)
        refused(client, 400)


@pytest.mark.parametrize("name", MALFORMED_CHUNKS)
def test_malformed_chunks_are_refused(name: str) -> None:
    with Served() as served:
        refused(served.client().send(CHUNKED + MALFORMED_CHUNKS[name]), 400)
        assert served.application.seen == []
        client = served.client().send(CHUNKED + CHUNK)
        wait_until(lambda: served.application.seen == ["/body"])
        refused(client.send(MALFORMED_CHUNKS[name]), 400)


ENDLESS = {
    "extension": (b"1;a=", b"x" * 4096),
    "trailer": (b"1\r\na\r\n0\r\nX: ", b"x" * 4096),
    "trailers": (b"1\r\na\r\n0\r\n", b"X: y\r\n" * 500),
    "zeros": (b"0", b"0" * 4096),
    "tiny chunks": (b"", b"1;abcdefgh\r\na\r\n" * 500),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_chunks_of_almost_nothing_are_refused(name: str) -> None:
    with Served(max_header_bytes=4096) as served:
        first, piece = ENDLESS[name]
        client = served.client().send(CHUNKED + first)
        while not served.connections._lingering and client.try_to_send(piece):
            pass
        refused(client, 400)


def test_chunks_are_read() -> None:
    with Served() as served:
        content = (b"0\r\n\r\n" * 1000, b"x" * 300_000, b"GET / HTTP/1.1\r\n\r\n")
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in content)
        client = served.client()
        client.send(CHUNKED + chunks + b"0\r\n\r\n" + get("/path/a") + CHUNKED + b"1;x=y\r\na\r\n0\r\nX: y\r\n\r\n")
        assert client.answer().json() == {"size": sum(map(len, content))}
        assert client.answer().json() == {"path": "/path/a"}
        assert client.answer().json() == {"size": 1}


def test_trailers_do_not_become_headers() -> None:
    with Served() as served:
        chunks = b"1\r\na\r\n0\r\nCabinet-User: somebody\r\n\r\n"
        client = served.client().send(post("/headers", "Transfer-Encoding: chunked") + chunks)
        assert client.answer().json() == ["host", "transfer-encoding"]


def test_only_a_few_requests_wait_and_the_rest_is_not_read() -> None:
    """uvicorn's own protocol accepted all of them: 907,000 pipelined requests took 2 GB."""
    # The kernel's buffer is small and the requests are long, so that there are few of them to answer.
    with Served(receive_bytes=65536) as served:
        client = served.client(send_bytes=65536).send(get("/wait"))
        client.socket.settimeout(1)
        request, sent = get("/path/a", f"X-Long: {'a' * 1000}") * 50, 0
        while client.try_to_send(request):
            sent += 50
        (one,) = served.connections._open
        assert len(one.waiting) == MAX_WAITING  # type: ignore[attr-defined]
        assert len(one.slices) <= 256 * 1024  # type: ignore[attr-defined]
        served.application.released.set()
        client.socket.settimeout(60)
        assert client.answer().json() == {"waited": True}
        for _ in range(sent):
            assert client.answer().json() == {"path": "/path/a"}


def test_pipelined_requests_are_answered_in_order_however_they_are_cut() -> None:
    with Served() as served:
        requests = b"".join(
            get(f"/path/{number}") + post("/body", "Content-Length: 3") + b"abc" for number in range(100)
        )
        for size in (1, 7, 100, len(requests)):
            client = served.client()
            for start in range(0, len(requests), size):
                client.send(requests[start : start + size])
            for number in range(100):
                assert client.answer().json() == {"path": f"/path/{number}"}
                assert client.answer().json() == {"size": 3}


def test_a_malformed_request_is_refused_after_the_answers_before_it() -> None:
    with Served() as served:
        client = served.client().send(get("/wait") + get("/path/a") + b"nonsense\r\n\r\n" + get("/path/b"))
        wait_until(lambda: served.application.seen == ["/wait"])
        served.application.released.set()
        assert client.answer().json() == {"waited": True}
        assert client.answer().json() == {"path": "/path/a"}
        refused(client, 400)
        assert "/path/b" not in served.application.seen


@pytest.mark.parametrize("headers", [("Content-Length: 9",), ("Transfer-Encoding: chunked",)])
def test_the_application_begins_when_the_body_is_there(headers: tuple[str]) -> None:
    """A client that sends a head and stalls costs neither a task nor a lookup of its key."""
    with Served() as served:
        is_chunked = headers[0].startswith("T")
        parts = [b"5\r\n01234\r\n", b"4\r\n5678\r\n0\r\n\r\n"] if is_chunked else [b"01234", b"5678"]
        stalled = [served.client().send(post("/body", *headers) + parts[0]) for _ in range(20)]
        wait_until(lambda: served.connections.bytes_in_flight == 20 * 5)
        assert served.client().send(get("/path/a")).answer().status == 200
        assert served.application.seen == ["/path/a"]
        for client in stalled:
            assert client.send(parts[1]).answer().json() == {"size": 9}


def test_a_body_that_is_too_large_is_answered_before_it_arrives() -> None:
    with Served() as served:
        assert served.client().send(post("/refused", "Content-Length: 1000000000")).answer().status == 401


def test_an_early_answer_reaches_a_client_that_still_sends() -> None:
    with Served() as served:
        for headers, body in (
            (("Content-Length: 30000000",), bytes(30_000_000)),
            (("Transfer-Encoding: chunked",), b""),
        ):
            client = served.client().send(post("/refused", *headers) + (body[:BEGUN_BYTES] or CHUNK))
            wait_until(lambda: not served.connections._open)
            client.send(body[BEGUN_BYTES:])
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (401, "close")
            assert client.is_closed()


def test_the_connection_is_kept_after_an_early_answer_if_little_of_the_body_is_left() -> None:
    with Served() as served:
        head = post("/refused", f"Content-Length: {BEGUN_BYTES + 10}")
        client = served.client().send(head + bytes(BEGUN_BYTES))
        assert client.answer().status == 401
        client.send(b"0123456789" + get("/path/a"))
        assert client.answer().json() == {"path": "/path/a"}


def test_a_client_that_expected_100_is_not_asked_for_the_body_after_an_early_answer() -> None:
    with Served() as served:
        client = served.client().send(post("/refused", "Content-Length: 10", "Expect: 100-continue"))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        client = served.client().send(post("/body", "Content-Length: 10", "Expect: 100-continue"))
        assert client.socket.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send(b"0123456789").answer().json() == {"size": 10}
