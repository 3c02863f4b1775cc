"""The sockets of a server: the number of waiting connections, the owner of the port, and unsent answers."""

from __future__ import annotations

import errno
import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from svc.cli.serve import listen
from svc.errors import StartupError
from svc.wire.listeners import BACKLOG, create_listener, further_listeners
from tests.conftest import PATIENCE_S
from tests.wire.served import Served, get

BEYOND_ONE_QUEUE = BACKLOG + 500


@pytest.fixture
def many_files() -> Iterator[None]:
    """Raise the process's limit of open files to its maximum."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_more_connections_wait_than_one_queue_of_the_kernel_has_places_for() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(create_listener(socket.AF_INET, ("127.0.0.1", 0)))
        for further in further_listeners(first):
            stack.enter_context(further)
        poll, pending = select.poll(), set()
        for _ in range(BEYOND_ONE_QUEUE):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            if client.connect_ex(first.getsockname()) == errno.EINPROGRESS:
                pending.add(client.fileno())
                poll.register(client, select.POLLOUT)
        until = time.monotonic() + 0.9
        # A connection without a place would be retried after a second.
        while pending:
            # One more look after the time is up: on a busy machine, this process may not have run meanwhile.
            is_over = time.monotonic() >= until
            for number, _ in poll.poll(100):
                poll.unregister(number)
                pending.discard(number)
            if is_over:
                break
        assert not pending


def test_another_server_does_not_get_the_port() -> None:
    with listen("127.0.0.1", 0) as first, ExitStack() as stack:
        for further in further_listeners(first):
            stack.enter_context(further)
        with pytest.raises(StartupError, match=r"Cannot listen on 127\.0\.0\.1"):
            listen("127.0.0.1", first.getsockname()[1])


def test_answers_that_nobody_reads_end_the_work_for_their_requests() -> None:
    with Served() as served:
        client = served.client(receive_bytes=4096)
        client.socket.setblocking(False)
        requests = get("/path/a") * 1000
        sent, taken_at, until = 0, time.monotonic(), time.monotonic() + PATIENCE_S
        # Until the server has taken no byte for a second.
        while len(served.application.seen) <= 100 or time.monotonic() - taken_at < 1:
            assert time.monotonic() < until
            assert len(served.application.seen) < 1500
            try:
                sent += client.socket.send(requests[sent % len(requests) :])
                taken_at = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
