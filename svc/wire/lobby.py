"""New connections, until the head of their first request has arrived.

A connection of the event loop costs a transport, a parser and a protocol. Strangers who open thousands of connections
and send nothing, or half a head, cost a socket each: the kernel keeps what they send until the head is complete. So the
queue of the kernel is emptied faster than they fill it, and no other client has to wait in it or behind it.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from svc.errors import CabinetError, RequestTimeoutError, UnavailableError
from svc.wire.connections import NEWCOMERS_SHARE, Connections, address_of, count
from svc.wire.heads import lines_of_part

logger = logging.getLogger(__name__)

# Connections that are taken from the kernel, and heads that are looked at, in one pass of the loop; each takes about
# 20 µs. If a pass takes long, many have arrived meanwhile, and those for which the kernel has no place try again only
# after a second. On a busy machine a pass ends by the clock, so that the requests of others run.
_ACCEPTED_AT_ONCE = 1024
_ACCEPTING_S = 0.02
_LOOKED_AT_ONCE = 256
# New connections that get an answer in one pass when they are closed to make room for others; further ones are only
# closed, which takes a quarter of the time.
_TOLD_AT_ONCE = 32
# Those that are passed on in one pass: each takes ten times as long, and the requests of others run between the passes.
_PASSED_AT_ONCE = 16
# While this number of connections waits to be passed on, others wait in the kernel.
_MOST_READY = 128
# A head of which so much has arrived is left to the parser.
_LOOKED_BYTES = 4096
# Seconds until the next attempt, where the process can open no more files.
_PAUSE_S = 0.5
# Combined once: to combine flags takes as long as a call of the kernel.
_AT_ONCE = int(socket.MSG_DONTWAIT)
_PEEK = int(socket.MSG_PEEK | socket.MSG_DONTWAIT)
# Edge-triggered: a newcomer is looked at again when more has arrived, although nothing was read.
_ARRIVALS = int(select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
_ENDS = int(select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)

Handover = Callable[[socket.socket], Coroutine[Any, Any, object]]


class Newcomer:
    """A connection of which no complete head has arrived; of the part that has, `lines` bytes are complete lines."""

    __slots__ = ("address", "has_sent", "lines", "since", "socket")

    def __init__(self, connection: socket.socket, address: str, since: float) -> None:
        self.socket = connection
        self.address = address
        self.since = since
        self.has_sent = False
        self.lines = 0


class Lobby:
    """The newcomers of one server.

    `hand_over` makes a connection of the event loop of a socket whose first head has arrived. `refusal_of` returns the
    bytes of the answer with an error.
    """

    def __init__(
        self, connections: Connections, hand_over: Handover, refusal_of: Callable[[CabinetError], bytes]
    ) -> None:
        self._connections = connections
        self._hand_over = hand_over
        self._refusal_of = refusal_of
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._poll = select.epoll()
        # By the number of the file, in the order of their arrival.
        self._waiting: dict[int, Newcomer] = {}
        self._by_address: dict[str, dict[int, Newcomer]] = {}
        self._ready: deque[socket.socket] = deque()
        self._handing: set[asyncio.Task[object]] = set()
        self._is_closed = False
        self._told = 0
        self._loop.add_reader(self._poll.fileno(), self._look)
        connections.lobby = self

    def __len__(self) -> int:
        return len(self._waiting) + len(self._ready)

    def listen(self, listener: socket.socket) -> None:
        """Take the connections of a listening socket until the lobby is closed."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._loop.add_reader(listener.fileno(), self._accept, listener)

    def close(self) -> None:
        """Take no more connections, and end those that wait."""
        self._is_closed = True
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())
        self._loop.remove_reader(self._poll.fileno())
        for newcomer in [*self._waiting.values()]:
            self._end(newcomer)
        while self._ready:
            self._ready.popleft().close()
        self._poll.close()

    def check(self, now: float) -> None:
        """End the newcomers whose heads did not arrive in time."""
        due = now - self._connections.settings.header_timeout_s
        for newcomer in [*self._waiting.values()]:
            if newcomer.since > due:
                break
            if newcomer.has_sent:
                count("late_request")
                self._refuse(newcomer, RequestTimeoutError("the request's head did not arrive in time"))
            else:
                self._end(newcomer)

    def _accept(self, listener: socket.socket) -> None:
        now, until = self._loop.time(), time.monotonic() + _ACCEPTING_S / len(self._listeners)
        self._told = 0
        for _ in range(_ACCEPTED_AT_ONCE):
            if len(self._ready) >= _MOST_READY:
                return
            try:
                connection, client = listener.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:
                logger.warning("no more connections can be taken for now: %s", error.strerror)
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(_PAUSE_S, self._resume, listener)
                return
            address = address_of(client[:2] if client else None)
            self._make_room(address)
            number = connection.fileno()
            newcomer = self._waiting[number] = Newcomer(connection, address, now)
            self._by_address.setdefault(address, {})[number] = newcomer
            self._poll.register(number, _ARRIVALS)
            # The clock of the loop stands still during a pass.
            if time.monotonic() >= until:
                return

    def _resume(self, listener: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _look(self) -> None:
        for number, events in self._poll.poll(0, _LOOKED_AT_ONCE):
            newcomer = self._waiting[number]
            if self._has_head(newcomer):
                self._enqueue(newcomer)
            elif events & _ENDS:
                self._end(newcomer)

    @staticmethod
    def _has_head(newcomer: Newcomer) -> bool:
        """Whether the head is complete, or long, or none of HTTP, which the parser explains to the client."""
        try:
            head = newcomer.socket.recv(_LOOKED_BYTES, _PEEK)
        except OSError:
            return False
        newcomer.has_sent = bool(head)
        lines = lines_of_part(head, newcomer.lines) if len(head) < _LOOKED_BYTES else None
        newcomer.lines = lines or 0
        return lines is None

    def _enqueue(self, newcomer: Newcomer) -> None:
        self._forget(newcomer)
        self._ready.append(newcomer.socket)
        if len(self._ready) == 1:
            self._loop.call_soon(self._pass_on)

    def _pass_on(self) -> None:
        for _ in range(min(len(self._ready), _PASSED_AT_ONCE)):
            task = self._loop.create_task(self._hand_over(self._ready.popleft()))
            self._handing.add(task)
            task.add_done_callback(self._handed)
        if self._ready:
            self._loop.call_soon(self._pass_on)

    def _handed(self, task: asyncio.Task[object]) -> None:
        self._handing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The client has closed the connection meanwhile.
            logger.debug("a connection could not be used: %r", error)

    def _make_room(self, address: str) -> None:
        """End those that have waited longest, if as many wait as may."""
        limit, taken = self._connections.limit_of(address), self._connections.count_of(address)
        peers = self._by_address.get(address)
        if limit and peers and len(peers) >= _places(limit, taken):
            self._evict(next(iter(peers.values())))
        if len(self._waiting) >= _places(self._connections.capacity, self._connections.open_count):
            self._evict(next(iter(self._waiting.values())))

    def _evict(self, newcomer: Newcomer) -> None:
        # Its head may have arrived since the last look.
        if self._has_head(newcomer):
            self._enqueue(newcomer)
            return
        count("evicted")
        self._told += newcomer.has_sent
        if newcomer.has_sent and self._told <= _TOLD_AT_ONCE:
            self._refuse(
                newcomer, UnavailableError("the server needed the connection for others; try again", retry_after_s=1.0)
            )
        else:
            self._end(newcomer)

    def _refuse(self, newcomer: Newcomer, error: CabinetError) -> None:
        try:
            # Closing a socket with bytes that were not read destroys the answer on its way.
            newcomer.socket.recv(_LOOKED_BYTES, _AT_ONCE)
            newcomer.socket.send(self._refusal_of(error), _AT_ONCE)
        except OSError:
            pass
        self._end(newcomer)

    def _end(self, newcomer: Newcomer) -> None:
        self._forget(newcomer)
        newcomer.socket.close()

    def _forget(self, newcomer: Newcomer) -> None:
        number = newcomer.socket.fileno()
        # Closing it is not enough while a just forked process also has it.
        self._poll.unregister(number)
        del self._waiting[number]
        peers = self._by_address[newcomer.address]
        del peers[number]
        if not peers:
            del self._by_address[newcomer.address]


def _places(limit: int, taken: int) -> int:
    """How many newcomers may wait. Some always may: they can be refused only after their requests have been read."""
    return max(limit - taken, limit // NEWCOMERS_SHARE, 1)
