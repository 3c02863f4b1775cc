"""Answers that end early, because what they send is no longer there or no longer allowed."""

from __future__ import annotations

import logging

import pytest

from tests.wire.served import PART_BYTES, Served, get, wait_until


def test_an_answer_that_ends_early_closes_the_connection_and_costs_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Served() as served:
        client = served.client().send(get("/cut") + get("/path/a"))
        received = b""
        while part := client.socket.recv(65536):
            received += part
        assert received.startswith(b"HTTP/1.1 200 ")
        assert received.count(b"HTTP/1.1") == 1, "the rest of a cut answer must not be taken for another one"
        assert len(received.partition(b"\r\n\r\n")[2]) == PART_BYTES
        wait_until(lambda: served.open_count == 0)
        assert served.client().send(get("/path/b")).answer().status == 200
    said = [record for record in caplog.records if "ended early" in record.getMessage()]
    assert [(record.levelname, record.exc_info) for record in said] == [("INFO", None)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
