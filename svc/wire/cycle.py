"""One request and its answer, with the errors that the protocol found while it was received."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from svc.errors import CabinetError, MalformedRequestError
from svc.web.spooling import IN_MEMORY_BYTES, ON_DISK, Spooled

logger = logging.getLogger(__name__)

# Seconds between two attempts to get room for the next part of a streamed answer.
_ROOM_S = 0.1


class Owner(Protocol):
    """The connection of a cycle, as this module sees it."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing more can be written."""

    def must_close_after(self, cycle: Cycle) -> bool:
        """Return whether the connection cannot be used again after this answer, which is about to begin."""

    def reserve(self, size: int) -> bool:
        """Reserve memory for the next part of a streamed answer; false if there is none now."""

    def release(self, size: int) -> None:
        """Release bytes that the connection occupied."""

    def spool(self, cycle: Cycle, spooled: Spooled, size: int) -> None:
        """Count bytes of a body that were written to disk; without room for them, the request is refused."""

    def resume(self) -> None:
        """Parse and read on."""

    def write(self, data: bytes) -> None:
        """Write to the client."""

    def finish(self) -> None:
        """Close the connection once the client has received the written bytes."""


class Cycle(RequestResponseCycle):
    """A request and its answer. An error in the body is raised where the application reads it, and so becomes
    the application's answer."""

    has_begun = False
    """Whether the application works on the request."""
    begins_at_once = False
    """Whether the application begins before any of the body has arrived."""
    has_failed = False
    is_malformed = False
    held_bytes = 0
    """The bytes of the body that count: the application has them until it has answered, or until they are on disk."""

    def __init__(self, owner: Owner, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._owner = owner
        self._fault: CabinetError | None = None

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Let the application answer, and close the connection if the answer ends early or has to end early."""

        async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, send)
            except CabinetError as error:
                if not self.response_started:
                    raise
                # The key was revoked, or the file deleted, while it was being sent. Users can bring that about as often
                # as they like, so the log gets no traceback.
                logger.info("an answer ended early: %s", error.detail)
                self.disconnected = True
                self.transport.close()

        await super().run_asgi(answer)

    def fail(self, fault: CabinetError) -> None:
        """Let the application answer with this error when it reads the body; the connection is closed afterwards."""
        self.has_failed = True
        self.is_malformed = isinstance(fault, MalformedRequestError)
        self._fault = fault
        self.keep_alive = False
        self.body = bytearray()
        if (spooled := self.scope.get("state", {}).get(ON_DISK)) is not None:
            spooled.end()
        self.message_event.set()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next part of the body.

        Raises:
            CabinetError: the body is malformed or late, or there is no memory for it.
        """
        message: ASGIReceiveEvent = {"type": "http.disconnect"}
        if (spooled := self.scope.get("state", {}).get(ON_DISK)) is not None:
            self._release_written(spooled)
        if not self.has_failed:
            message = await super().receive()
        if self._fault is not None and not self.disconnected and not self.response_complete:
            raise self._take_fault()
        return message

    def _release_written(self, spooled: Spooled) -> None:
        # The application asks for more, so it has written the previous parts, except for the beginning that stays in
        # memory.
        written = self.held_bytes - len(self.body) - IN_MEMORY_BYTES
        if written > 0:
            self._owner.release(written)
            self.held_bytes -= written
            self._owner.spool(self, spooled, written)

    def _take_fault(self) -> CabinetError:
        # An error that the cycle kept would keep the frames that it passed, and so the body, until the next collection.
        fault, self._fault = self._fault, None
        assert fault is not None
        return fault

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer; returns when there is room for another one."""
        if message["type"] == "http.response.start" and self._owner.must_close_after(self):
            self.keep_alive = False
        await super().send(message)
        if message["type"] == "http.response.body" and message.get("more_body"):
            await self._wait_for_room(len(message.get("body", b"")))

    async def _wait_for_room(self, size: int) -> None:
        # The application loads the next part only after this, so a client that does not read holds one part.
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        while not (self.disconnected or self._owner.reserve(size)):  # noqa: ASYNC110 - room has no single owner
            await asyncio.sleep(_ROOM_S)
        if self.disconnected:
            # Starlette cancels the stream, but gets to it only if the stream waits somewhere.
            await asyncio.sleep(0)


class Flow(FlowControl):
    """Flow control in which only the protocol decides whether to read."""

    def __init__(self, transport: asyncio.Transport, owner: Owner) -> None:
        super().__init__(transport)
        self._owner = owner

    def resume_reading(self) -> None:
        """The application wants more of the body, or has answered."""
        self._owner.resume()

    def read_on(self) -> None:
        """Read from the socket again."""
        super().resume_reading()


class Outgoing(asyncio.Transport):
    """The transport as a cycle sees it: the protocol counts the written bytes, and decides how to close."""

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Write to the client."""
        self._owner.write(bytes(data))

    def close(self) -> None:
        """Close the connection once the client has received the written bytes."""
        self._owner.finish()

    def is_closing(self) -> bool:
        """Return whether no more can be written."""
        return self._owner.is_finished
