"""The deadlines of a client: for a head, a body, an answer, and between requests."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.wire.served import Served, get, post, wait_until
from tests.wire.test_limits import refused

SHORT = 0.5
PATIENT: dict[str, Any] = {
    "header_timeout_s": 60.0,
    "body_timeout_s": 60.0,
    "answer_timeout_s": 60.0,
    "keep_alive_s": 60.0,
}


def served(**changes: float) -> Served:
    """Serve with one short deadline."""
    return Served(**{**PATIENT, **changes})


def test_a_connection_that_sends_nothing_is_closed() -> None:
    with served(header_timeout_s=SHORT) as server:
        assert server.client().is_closed()


@pytest.mark.parametrize("sent", [b"G", b"\r\n", get("/path/a")[:-2], get("/path/a")[:-1]])
def test_half_a_head_is_refused(sent: bytes) -> None:
    with served(header_timeout_s=SHORT) as server:
        refused(server.client().send(sent), 408)


def test_a_head_that_arrives_byte_by_byte_is_refused() -> None:
    with served(header_timeout_s=SHORT) as server:
        client = server.client().send(get("/path/a")[:-2])
        stopped = threading.Event()

        def trickle() -> None:
            while not stopped.wait(0.05) and client.try_to_send(b"x"):
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        refused(client, 408)
        stopped.set()
        thread.join()


def test_the_second_head_also_has_a_deadline() -> None:
    with served(header_timeout_s=SHORT) as server:
        client = server.client().send(get("/path/a"))
        assert client.answer().status == 200
        refused(client.send(b"GET /pa"), 408)


def test_an_unused_connection_is_closed() -> None:
    with served(keep_alive_s=SHORT) as server:
        client = server.client().send(get("/path/a"))
        assert client.answer().status == 200
        assert client.is_closed()


@pytest.mark.parametrize("headers", [("Content-Length: 1000",), ("Transfer-Encoding: chunked",)])
@pytest.mark.parametrize("sent", [b"", b"3\r\nab"])
def test_a_stalled_body_is_refused(headers: tuple[str], sent: bytes) -> None:
    with served(body_timeout_s=SHORT) as server:
        refused(server.client().send(post("/body", *headers) + sent), 408)
        assert server.application.seen == []


def test_a_body_that_was_sent_at_once_but_for_its_end_is_refused() -> None:
    """Earlier speed is not credited to later windows."""
    with served(body_timeout_s=SHORT) as server:
        client = server.client().send(post("/body", "Content-Length: 3000001") + bytes(3_000_000))
        refused(client, 408)
        wait_until(lambda: server.connections.bytes_in_flight == 0)


def test_a_body_that_nobody_reads_has_a_deadline_after_the_answer() -> None:
    with served(body_timeout_s=SHORT) as server:
        client = server.client().send(post("/refused", f"Content-Length: {2**16 + 10}") + bytes(2**16))
        assert client.answer().status == 401
        assert client.is_closed()


def test_time_in_the_application_is_not_the_clients() -> None:
    with served(header_timeout_s=SHORT, body_timeout_s=SHORT, answer_timeout_s=SHORT, keep_alive_s=SHORT) as server:
        client = server.client().send(get("/wait"))
        threading.Timer(3 * SHORT, server.application.released.set).start()
        assert client.answer().json() == {"waited": True}


def test_an_answer_that_nobody_reads_is_ended() -> None:
    with served(answer_timeout_s=SHORT) as server:
        client = server.client(receive_bytes=4096).send(get("/large/30000000"))
        wait_until(lambda: server.application.seen == ["/large/30000000"] and server.open_count == 0)
        wait_until(lambda: server.connections.bytes_in_flight == 0)
        client.close()


def test_a_stream_that_nobody_reads_is_ended() -> None:
    with served(answer_timeout_s=SHORT) as server:
        client = server.client(receive_bytes=4096).send(get("/parts/1000"))
        wait_until(lambda: server.application.parts_sent > 0 and server.open_count == 0)
        assert server.application.parts_sent < 100
        client.close()


def test_a_stream_loads_no_more_than_one_part_ahead() -> None:
    with served() as server:
        client = server.client(receive_bytes=4096).send(get("/parts/1000"))
        wait_until(lambda: server.connections.bytes_in_flight > 0)
        (one,) = server.connections._open
        assert one.held_bytes < 2 * 256 * 1024 + 64 * 1024
        client.close()
        wait_until(lambda: server.connections.bytes_in_flight == 0)
