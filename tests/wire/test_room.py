"""The limits of connections and their memory, and the choice of the connections to close."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from svc import metrics
from svc.wire.connections import address_of
from svc.wire.pace import Pace
from tests.conftest import PATIENCE_S
from tests.wire.served import Client, Served, get, post, wait_until
from tests.wire.test_limits import refused

PATIENT: dict[str, Any] = {
    "header_timeout_s": 60.0,
    "body_timeout_s": 60.0,
    "answer_timeout_s": 60.0,
    "keep_alive_s": 60.0,
}


def busy(served: Served, host: str = "127.0.0.1") -> Client:
    """A connection with a current request."""
    before = len(served.application.seen)
    client = served.client(host).send(get("/wait"))
    wait_until(lambda: len(served.application.seen) > before)
    return client


def refusals(reason: str) -> float:
    return float(metrics.connections_refused_total.labels(reason)._value.get())


def test_a_connection_too_many_is_refused_when_all_are_at_work() -> None:
    with Served(max_connections=3, **PATIENT) as served:
        working = [busy(served) for _ in range(3)]
        before = refusals("connections")
        answer = refused(served.client().send(get("/path/a")), 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert refusals("connections") == before + 1
        served.application.released.set()
        assert [client.answer().status for client in working] == [200] * 3


def test_one_address_does_not_take_all_connections() -> None:
    with Served(max_connections_per_address=2, **PATIENT) as served:
        for _ in range(2):
            busy(served, "127.0.0.2")
        answer = refused(served.client("127.0.0.2").send(get("/path/a")), 429)
        assert int(answer.headers["retry-after"]) >= 1
        assert served.client("127.0.0.3").send(get("/path/a")).answer().status == 200


@pytest.mark.parametrize(
    "settings",
    [{"max_connections_per_address": 0}, {"max_connections_per_address": 2, "trusted_proxies": "10.0.0.0/8,127.0.0.1"}],
)
def test_no_limit_per_address(settings: dict[str, Any]) -> None:
    with Served(**settings, **PATIENT) as served:
        for _ in range(3):
            busy(served)
        assert served.client().send(get("/path/a")).answer().status == 200


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
@pytest.mark.parametrize("sent", [b"", b"GET /pa"])
def test_waiting_connections_make_room_for_a_newcomer(limit: str, sent: bytes) -> None:
    settings: dict[str, Any] = {limit: 20, **PATIENT}
    with Served(**settings) as served:
        kept = served.client().send(get("/path/a"))
        assert kept.answer().status == 200
        strangers = [served.client().send(sent) for _ in range(19)]
        wait_until(lambda: served.waiting_count == 19)
        for _ in range(3):
            assert served.client().send(get("/path/a")).answer().status == 200
        assert strangers[0].is_closed()
        # A connection that was answered before is closed last.
        assert kept.send(get("/path/a")).answer().status == 200


def test_a_connection_whose_next_request_has_just_arrived_makes_no_room() -> None:
    with Served(**PATIENT) as served:
        client = served.client().send(get("/path/a"))
        assert client.answer().status == 200
        (connection,) = served.connections._open
        made: Future[bool] = Future()

        def evict() -> None:
            # The loop cannot read this before the search for a connection to close.
            client.send(get("/path/b"))
            made.set_result(served.connections._evict(served.connections._open, connection.loop.time()))  # type: ignore[attr-defined]

        connection.loop.call_soon_threadsafe(evict)  # type: ignore[attr-defined]
        assert made.result(PATIENCE_S) is False
        assert client.answer().status == 200


def test_a_connection_costs_a_parser_once_its_first_head_has_arrived() -> None:
    with Served(max_connections=16, **PATIENT) as served:
        strangers = [served.client().send(sent) for sent in (b"", b"GET /pa", b"G")]
        wait_until(lambda: served.waiting_count == 3)
        assert served.open_count == 0
        assert strangers[1].send(b"th/a HTTP/1.1\r\nHost: a\r\n\r\n").answer().status == 200
        assert (served.waiting_count, served.open_count) == (2, 1)
        # A client that sent half a head gets an error; a connection that sent nothing is only closed.
        others = [served.client().send(b"GET /") for _ in range(15)]
        refused(strangers[2], 503)
        assert strangers[0].is_closed()
        assert others[-1].send(b" HTTP/1.1\r\nHost: a\r\n\r\n").answer().status == 404


def test_a_stalled_body_makes_room_for_a_newcomer() -> None:
    with Served(max_connections=2, **PATIENT) as served:
        stalled, _ = [served.client().send(post("/body", "Content-Length: 9") + b"a") for _ in range(2)]
        wait_until(lambda: served.connections.bytes_in_flight == 2)
        before = refusals("evicted")
        wait_until(lambda: served.client().send(get("/path/a")).answer().status == 200)
        assert refusals("evicted") > before
        stalled.close()


def test_stalled_bodies_make_room_for_others() -> None:
    with Served(max_in_flight_bytes=2**20, max_upload_bytes=2**20, max_body_bytes=2**20, **PATIENT) as served:
        head = post("/body", "Content-Length: 400001")
        before = refusals("stalled")
        for _ in range(2):
            served.client().send(head + bytes(400_000))
        wait_until(lambda: served.connections.bytes_in_flight == 800_000)

        def uploaded() -> bool:
            answer = served.client().send(head + bytes(400_001)).answer()
            assert answer.status in (200, 503)
            return answer.status == 200

        wait_until(uploaded)
        assert refusals("stalled") == before + 1
        wait_until(lambda: served.connections.bytes_in_flight <= 400_000)


def test_uploads_have_bounded_room_on_disk() -> None:
    size = 4 * 2**20
    with Served(max_spooled_bytes=size, max_upload_bytes=size, max_body_bytes=2**20, **PATIENT) as served:
        head = post("/spooled", f"Content-Length: {size}")
        stalled = served.client().send(head + bytes(size - 1))
        wait_until(lambda: served.connections.bytes_on_disk > size // 2)
        before = refusals("stalled")

        def uploaded() -> bool:
            client = served.client()
            client.try_to_send(head + bytes(size))
            answer = client.answer()
            assert answer.status in (200, 503)
            return answer.status == 200

        wait_until(uploaded)
        assert refusals("stalled") == before + 1
        refused(stalled, 503)
        wait_until(lambda: served.connections.bytes_on_disk == 0)


def test_a_body_without_room_is_refused_and_a_short_one_is_not() -> None:
    with Served(max_in_flight_bytes=2**20, max_upload_bytes=2**20, max_body_bytes=2**20, **PATIENT) as served:
        served.connections.bytes_in_flight += 2**20
        answer = refused(served.client().send(post("/body", "Content-Length: 400000") + bytes(400_000)), 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert served.client().send(post("/body", "Content-Length: 9") + bytes(9)).answer().json() == {"size": 9}
        assert served.connections.bytes_in_flight == 2**20


def test_readers_that_do_not_read_make_room_for_others() -> None:
    with Served(max_in_flight_bytes=16 * 2**20, max_upload_bytes=2**20, max_body_bytes=2**20, **PATIENT) as served:
        readers = [served.client(receive_bytes=4096).send(get("/large/12000000")) for _ in range(4)]
        wait_until(lambda: len(served.application.seen) == 4 and served.connections.bytes_in_flight <= 16 * 2**20)
        client = served.client().send(get("/large/12000000"))
        assert len(client.answer().body) == 12_000_000
        for reader in readers:
            reader.close()
        wait_until(lambda: served.connections.bytes_in_flight == 0)


def test_a_stream_waits_for_room() -> None:
    with Served(max_in_flight_bytes=2**20, max_upload_bytes=2**20, max_body_bytes=2**20, **PATIENT) as served:
        served.connections.bytes_in_flight += 2**20
        client = served.client().send(get("/parts/3"))
        wait_until(lambda: served.application.parts_sent == 1)
        served.connections.bytes_in_flight -= 2**20
        assert client.answer().body.count(b"\0") == 3 * 256 * 1024


def test_nothing_is_left_of_connections_that_ended() -> None:
    with Served(**PATIENT) as served:
        for request in (
            get("/path/a"),
            b"GET /pa",
            b"nonsense\r\n\r\n",
            post("/body", "Content-Length: 9") + b"a",
            b"",
        ):
            served.client().send(request).close()
        # They wait at several sockets, which the server serves in any order.
        wait_until(lambda: served.application.seen == ["/path/a"] and served.open_count + served.waiting_count == 0)
        assert not served.connections._open
        assert not served.connections._lingering
        assert not served.connections._by_address
        assert served.connections.bytes_in_flight == 0


def test_the_addresses_that_the_limit_counts() -> None:
    assert address_of(("203.0.113.7", 1)) == "203.0.113.7"
    assert address_of(("::ffff:203.0.113.7", 1)) == "203.0.113.7"
    assert address_of(("2001:db8:1:2:3:4:5:6", 1)) == address_of(("2001:db8:1:2::9", 1))
    assert address_of(("2001:db8:1:2::9", 1)) != address_of(("2001:db8:1:3::9", 1))
    assert address_of(("fe80::1%eth0", 1)) == address_of(("fe80::2", 1))
    assert address_of(None) == ""


def test_a_pace_gives_no_credit() -> None:
    pace = Pace(10.0, 1000)
    pace.start(100.0, 0)
    assert not pace.is_late(100.5, 1_000_000)
    assert not pace.is_stalled(101.0)
    assert not pace.is_late(109.0, 1_000_010)
    assert pace.is_stalled(109.0)
    assert pace.is_late(110.5, 1_000_020)
