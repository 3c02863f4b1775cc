"""uvicorn's protocol with limits: uvicorn and httptools limit neither headers nor connections nor waiting requests.

A connection that was answered for the last time lingers: it reads and discards until the client has read the answer,
since closing earlier would destroy the answer on its way.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.utils import get_remote_addr

from svc.errors import CabinetError, RequestTimeoutError, UnavailableError
from svc.web.spooling import Spooled
from svc.wire.connections import IDLE, address_of, count
from svc.wire.cycle import Cycle, Flow, Outgoing
from svc.wire.faults import no_memory, no_room_on_disk
from svc.wire.pace import Pace
from svc.wire.receiving import ReceivingProtocol
from svc.wire.refusals import refusal

# Bytes that a client must send or read for each second of the timeout.
_SLOWEST_BYTES_PER_S = 1024
# The rest of a body that is read and discarded so that the connection can be used again.
_DRAINED_BYTES = 64 * 1024
# Writes from this size are counted at once, others at the next check.
_COUNTED_BYTES = 16 * 1024
# Seconds for the client to read the last answer, and bytes that it can send meanwhile: the rest of a body, or others.
_LINGER_S = 5.0
_LINGER_BODY_BYTES = 64 * 2**20
_LINGER_BYTES = 256 * 1024
_REASONS = {400: "malformed", 408: "late_request", 414: "target", 431: "header"}


class CabinetProtocol(ReceivingProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the connection, or refuse it."""
        # As uvicorn's own, which asks the socket for its own address each time.
        self.connections.add(self)
        self.transport = transport
        self.scheme = "http"
        self.client = get_remote_addr(transport)
        self.server = self.wire.own_address(transport)
        settings = self.wire.settings
        self.begin_receiving()
        self.flow = Flow(transport, self)
        self.outgoing = Outgoing(self)
        self.address = address_of(self.client)
        self.held_bytes = self._written = self._held_out = self._reserved = 0
        self.is_finished = False
        self._has_answered, self._discard = False, 0
        self.spooled = Spooled()
        self.since = self.loop.time()
        self.deadline = self.since + settings.header_timeout_s
        self.body_pace = Pace(settings.body_timeout_s, round(settings.body_timeout_s * _SLOWEST_BYTES_PER_S))
        self._answer_pace = Pace(settings.answer_timeout_s, round(settings.answer_timeout_s * _SLOWEST_BYTES_PER_S))
        if error := self.wire.admit(self, self.since):
            self._answer(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application, and forget everything that was received."""
        for cycle in (self.active, *self.waiting):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self.waiting.clear()
        self.slices.clear()
        self.is_finished = True
        self.wire.remove(self)
        super().connection_lost(exc)
        if self.active is None or not self.active.has_begun:
            # They refer back to the connection, which would stay in memory until garbage is collected.
            self.active = None
            del self.cycle, self.flow, self.outgoing

    def data_received(self, data: bytes) -> None:
        """Parse the received bytes, as far as they may be parsed now."""
        if not self.is_finished:
            self.slices.append(data)
            self.resume()
            return
        self._discard -= len(data)
        if self._discard < 0:
            self.abort()

    # Answers

    def new_cycle(self, version: str) -> Cycle:
        """Return the cycle of the request whose head is complete."""
        return Cycle(
            self,
            scope=self.scope,
            transport=self.outgoing,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def must_close_after(self, cycle: Cycle) -> bool:
        """Return whether the connection cannot be used again after this answer, which is about to begin."""
        if self.is_finished or cycle.has_failed:
            return True
        is_much_left = self.left is None or self.left > _DRAINED_BYTES
        return cycle.more_body and (is_much_left or cycle.waiting_for_100_continue)

    def write(self, data: bytes) -> None:
        """Write to the client."""
        if self.transport.is_closing():
            return
        self.release(self._reserved)
        self._reserved = 0
        self.transport.write(data)
        self._written += len(data)
        if len(data) >= _COUNTED_BYTES:
            self._count_out(self.loop.time())

    def hold(self, size: int) -> bool:
        """Count bytes that the connection occupies; returns whether there is room for them."""
        return self.wire.hold(self, size, self.loop.time())

    def release(self, size: int) -> None:
        """Release bytes that the connection occupied."""
        self.wire.release(self, size)

    def spool(self, cycle: Cycle, spooled: Spooled, size: int) -> None:
        """Count bytes of a body that were written to disk; without room for them, the request is refused."""
        self.spooled = spooled
        if not self.wire.spool(self, size, self.loop.time()):
            count("bytes_on_disk")
            self.fail(cycle, no_room_on_disk())

    def reserve(self, size: int) -> bool:
        """Reserve memory for the next part of a streamed answer; false if there is none now."""
        if size < _COUNTED_BYTES or self.hold(size):
            self._reserved = size if size >= _COUNTED_BYTES else 0
            return True
        self.release(size)
        return False

    def on_response_complete(self) -> None:
        """Start the next waiting request, or wait for one."""
        self.server_state.total_requests += 1
        self._has_answered = True
        if self.active is not None:
            self.release(self.active.held_bytes)
            self.active = None
        if self.is_finished:
            return
        self.since = self.loop.time()
        settings = self.wire.settings
        self.deadline = self.since + (settings.header_timeout_s if self.head_bytes else settings.keep_alive_s)
        if self.waiting:
            self.start(self.waiting.popleft())
        elif self.refusal is not None:
            self._answer(self.refusal)
        self.resume()

    # Ends

    def refuse(self, error: CabinetError) -> None:
        """Answer the request that is being received with an error, and then close the connection."""
        count(_REASONS[error.status])
        if self.is_in_body and self.cycle.response_complete:
            self._linger()
        elif self.is_in_body:
            self.fail(self.cycle, error)
        elif self.active is not None:
            self.refusal = error
            self.slices.clear()
        else:
            self._answer(error)

    def fail(self, cycle: Cycle, error: CabinetError) -> None:
        """Answer the request whose body is being received with an error; the application does if it has begun."""
        cycle.fail(error)
        self.release(cycle.held_bytes)
        cycle.held_bytes = 0
        self.slices.clear()
        self.flow.pause_reading()
        if cycle is self.active and not cycle.has_begun:
            self.active = None
            self._answer(error)

    def _answer(self, error: CabinetError) -> None:
        """Send an error without the application, and close the connection."""
        self.write(refusal(error, self.server_state.default_headers))
        self._linger()

    def finish(self) -> None:
        """Close the connection once the client has received the written bytes."""
        if self.is_finished:
            return
        is_answered = self.active is not None and self.active.response_complete
        if is_answered and (self.is_in_body or self.slices or self.waiting):
            self._linger()
        else:
            self.is_finished = True
            self.deadline = self.loop.time() + _LINGER_S
            self.transport.close()

    def _linger(self) -> None:
        self.is_finished = True
        self.deadline = self.loop.time() + _LINGER_S
        self._discard = _LINGER_BODY_BYTES if self.is_in_body and not self.cycle.is_malformed else _LINGER_BYTES
        self.slices.clear()
        self.waiting.clear()
        self.wire.linger(self)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.read_on()

    def abort(self) -> None:
        """End the connection at once."""
        self.is_finished = True
        self.wire.remove(self)
        self.transport.abort()

    def shutdown(self) -> None:
        """End the connection, after the current answer if there is one: the server is stopping."""
        if self.active is None or self.is_finished:
            self.is_finished = True
            self.transport.close()
        else:
            self.active.keep_alive = False

    # Deadlines and room

    def check(self, now: float) -> None:
        """End the connection if a deadline has passed."""
        self._count_out(now)
        if self._held_out:
            if self.is_finished:
                self.deadline = now + _LINGER_S
            if self._answer_pace.is_late(now, self._written - self._held_out):
                count("late_answer")
                self.abort()
        elif self.is_finished:
            if now >= self.deadline:
                self.abort()
        elif self.is_in_body:
            if not self.flow.read_paused and self.body_pace.is_late(now, self.received):
                self.refuse(RequestTimeoutError("the body did not arrive in time; send it faster or in smaller parts"))
        elif self.active is None and now >= self.deadline:
            if self.head_bytes:
                self.refuse(RequestTimeoutError("the request's head did not arrive in time"))
            else:
                self.abort()

    def _count_out(self, now: float) -> None:
        size = self.transport.get_write_buffer_size()
        if size and not self._held_out:
            self._answer_pace.start(now, self._written - size)
        if size > self._held_out:
            self.wire.hold(self, size - self._held_out, now)
        else:
            self.release(self._held_out - size)
        self._held_out = size

    def patience(self, now: float) -> tuple[int, float] | None:
        """Return the order in which connections go: half a first head, stalled, idle, a body that has just begun."""
        if self.is_finished:
            return None
        since = self.stalled_since(now)
        if since is not None:
            return 1, since
        if self.active is not None and self.active.has_begun:
            return None
        if self.is_in_body:
            return None if self.active is None else (3, self.since)
        if self._has_answered:
            return IDLE, self.since
        # The first head of a connection has arrived before it got here, so it will be read at once.
        return (0, self.since) if self.head_bytes else None

    def stalled_since(self, now: float) -> float | None:
        """Return since when its transfer has been slow; None if it is fast or there is none."""
        if self._held_out:
            pace = self._answer_pace
        elif self.is_in_body and not self.flow.read_paused:
            pace = self.body_pace
        else:
            return None
        return pace.brisk_at if pace.is_stalled(now) else None

    def evict(self) -> None:
        """End the connection in favour of others, and release its resources."""
        if not self._held_out and self.is_in_body and not self.cycle.response_complete:
            self.fail(self.cycle, no_memory())
        elif not self._held_out and self.head_bytes:
            self._answer(UnavailableError("the server needed the connection for others; try again", retry_after_s=1.0))
        else:
            self.abort()
