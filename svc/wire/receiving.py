"""The receiving half of the protocol: parses the received bytes, within limits, and starts one request after the
other."""

from __future__ import annotations

import urllib.parse
from collections import deque
from typing import ClassVar, NoReturn

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from svc.errors import (
    CabinetError,
    HeaderTooLargeError,
    MalformedRequestError,
    TooLongError,
)
from svc.wire.connections import Connections, count
from svc.wire.cycle import Cycle, Flow, Outgoing
from svc.wire.faults import malformed, no_memory
from svc.wire.header_names import fault_of_fields
from svc.wire.pace import Pace
from svc.wire.parsers import body_parser, request_parser
from svc.wire.slices import Slices
from svc.wire.targets import WrongTargetError, read_target

MAX_WAITING = 8
"""Requests that can wait on one connection for the answer to an earlier one."""
MAX_HEADERS = 100
"""Header fields in one request."""
MAX_TARGET_BYTES = 8 * 1024
"""Bytes of a request's path and query."""
BEGUN_BYTES = HIGH_WATER_LIMIT
"""The application begins when the body is complete, or when so much of it has arrived. So a connection that sends a
head and then stalls costs neither a task nor a look at its key."""
# The maximum bytes of a chunked body besides its content: this number, plus the size of its content.
_CHUNK_OVERHEAD_BYTES = 64 * 1024


class ReceivingProtocol(HttpToolsProtocol):
    """A connection that receives requests. The methods that end it are those of `CabinetProtocol`."""

    wire: ClassVar[Connections]
    flow: Flow
    outgoing: Outgoing
    address: str
    held_bytes: int
    is_finished: bool
    body_pace: Pace
    cycle: Cycle
    # The request that the application is working on, and those that wait for it.
    active: Cycle | None
    waiting: deque[Cycle]
    # The error to answer after the requests before it.
    refusal: CabinetError | None
    # Whether the parser is in a request's body; otherwise it is in a head or between two requests.
    is_in_body: bool
    # The bytes of the head so far, and those of the body that are missing (None: it is chunked).
    head_bytes: int
    left: int | None
    received: int
    since: float
    deadline: float
    slices: Slices
    # Whether the head offers another protocol, so that the parser ends the request before its body.
    _is_offered: bool
    # The error with which a callback stopped the parser.
    _fault: CabinetError | None

    def begin_receiving(self) -> None:
        """Set the state of a new connection."""
        self.slices = Slices()
        self.waiting = deque()
        self.active = self.refusal = self._fault = None
        self.is_in_body = False
        self.head_bytes = self.received = self._overhead = self._silent = 0
        self.left = 0
        self._is_offered = False

    def new_cycle(self, version: str) -> Cycle:
        """Return the cycle of the request whose head is complete."""
        raise NotImplementedError

    def hold(self, size: int) -> bool:
        """Count bytes that the connection occupies; returns whether there is room for them."""
        raise NotImplementedError

    def refuse(self, error: CabinetError) -> None:
        """Answer the request that is being received with an error, and then close the connection."""
        raise NotImplementedError

    def fail(self, cycle: Cycle, error: CabinetError) -> None:
        """Answer the request whose body is being received with an error."""
        raise NotImplementedError

    def resume(self) -> None:
        """Parse and read on, unless enough requests or bytes wait for the application."""
        while self.slices and self._may_parse():
            self._parse_slice()
        if self.is_finished:
            return
        if not self.slices and self._may_parse():
            if self.flow.read_paused and self.is_in_body:
                self.body_pace.start(self.loop.time(), self.received)
            self.flow.read_on()
        else:
            self.flow.pause_reading()

    def _may_parse(self) -> bool:
        if self.is_finished or self.refusal is not None or len(self.waiting) >= MAX_WAITING:
            return False
        if not self.is_in_body or self.cycle.response_complete:
            return True
        return not self.cycle.has_failed and len(self.cycle.body) <= HIGH_WATER_LIMIT

    def _parse_slice(self) -> None:
        is_chunked = self.left is None
        received = self.received
        if not self.is_in_body:
            if not self.head_bytes:
                self._begin_head()
            piece = self.slices.of_head(self.wire.settings.max_header_bytes - self.head_bytes)
            self.head_bytes += len(piece)
        elif self.left is None:
            piece = self.slices.of_chunks()
        else:
            piece = self.slices.of_body(self.left)
            self.left -= len(piece)
        was_in_body = self.is_in_body
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # The offer to change the protocol is ignored, as HTTP allows.
            self.slices.give_back(len(piece) - int(upgrade.args[0]))
            if self._is_offered:
                self.parser = body_parser(self, self.left)
        except httptools.HttpParserError as error:
            self.refuse(self._fault or malformed(error, in_body=was_in_body))
            return
        if not self.is_in_body and self.head_bytes >= self.wire.settings.max_header_bytes:
            self.refuse(
                HeaderTooLargeError(
                    f"the request's head is larger than {self.wire.settings.max_header_bytes} bytes, the maximum"
                )
            )
        elif was_in_body and is_chunked:
            self._check_chunks(len(piece), self.received - received)

    def _begin_head(self) -> None:
        self.since = self.loop.time()
        self.deadline = self.since + self.wire.settings.header_timeout_s
        self.slices.begin_head()
        if self._is_offered:
            self._is_offered, self.parser = False, request_parser(self)

    def _check_chunks(self, size: int, content: int) -> None:
        """Refuse chunked bodies that consist of almost nothing but chunk headers, extensions or trailers."""
        self._overhead += size - content
        self._silent = 0 if content else self._silent + size
        is_excessive = self._overhead > self.received + _CHUNK_OVERHEAD_BYTES
        if self.is_in_body and (is_excessive or self._silent > self.wire.settings.max_header_bytes):
            self.refuse(MalformedRequestError("the chunks of the body are too small, or their headers too large"))

    # Called by the parser. An exception here makes it raise HttpParserError.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.waiting) >= MAX_WAITING:
            self._stop(MalformedRequestError(f"more than {MAX_WAITING} requests wait on this connection"))
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop(TooLongError(f"path and query are longer than {MAX_TARGET_BYTES} bytes, the maximum"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Trailers after a chunked body are discarded: the application already has the headers."""
        if self.is_in_body:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop(HeaderTooLargeError(f"the request has more than {MAX_HEADERS} header fields, the maximum"))

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind those before it."""
        version = self.parser.get_http_version()
        if fault := fault_of_fields(self.headers, version):
            self._stop(MalformedRequestError(fault))
        # A client of HTTP 1.0 would take the interim answer for the answer.
        self.expect_100_continue = self.expect_100_continue and version != "1.0"
        self._expect_body(version)
        self._describe(version)
        cycle = self.new_cycle(version)
        self.cycle = cycle
        self.is_in_body = True
        self.head_bytes = 0
        self.body_pace.start(self.loop.time(), self.received)
        # Neither waits for the body: a client that expects 100, and the refusal of a body that is too large.
        is_too_large = self.left is not None and self.left > self._largest_body
        cycle.begins_at_once = self.expect_100_continue or is_too_large
        if self.active is None:
            self.start(cycle)
        else:
            self.waiting.append(cycle)

    def start(self, cycle: Cycle) -> None:
        """Let the application work on a request, as soon as enough of its body has arrived."""
        self.active = cycle
        self._begin(cycle)

    def _begin(self, cycle: Cycle) -> None:
        is_ready = not cycle.more_body or cycle.begins_at_once or cycle.has_failed or len(cycle.body) >= BEGUN_BYTES
        if is_ready and cycle is self.active and not (cycle.has_begun or self.is_finished):
            cycle.has_begun = True
            self._start_asgi_task(cycle, self.app)

    @property
    def _largest_body(self) -> int:
        settings = self.wire.settings
        return max(settings.max_upload_bytes, settings.max_body_bytes)

    def _expect_body(self, version: str) -> None:
        lengths = [value for name, value in self.headers if name == b"content-length"]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if version not in ("1.0", "1.1"):
            self._stop(MalformedRequestError("the version of HTTP must be 1.0 or 1.1"))
        if len(lengths) + len(codings) > 1:
            self._stop(MalformedRequestError("send either one Content-Length or one Transfer-Encoding"))
        if codings and (codings[0].strip().lower() != b"chunked" or version == "1.0"):
            self._stop(MalformedRequestError("the only supported Transfer-Encoding is chunked, in HTTP 1.1"))
        self.left = None if codings else int(lengths[0]) if lengths else 0
        self._is_offered = self.parser.should_upgrade() and self.left != 0
        self.received = self._overhead = self._silent = 0
        self.slices.begin_body()

    def _describe(self, version: str) -> None:
        """Complete the ASGI scope."""
        host = next((value for name, value in self.headers if name == b"host"), None)
        try:
            target = read_target(self.url, host)
        except WrongTargetError as error:
            self._stop(MalformedRequestError(str(error)))
        path = _with_prefix(target.path.decode("ascii"), self.scope["root_path"])
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = urllib.parse.unquote(path) if "%" in path else path
        self.scope["raw_path"] = target.path
        self.scope["query_string"] = target.query

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, if there is memory for it."""
        cycle = self.cycle
        self.received += len(body)
        if cycle.response_complete or cycle.has_failed:
            return
        # The application holds no more of a body than the largest upload.
        growth = min(len(body), self._largest_body - cycle.held_bytes)
        cycle.held_bytes += growth
        if self.hold(growth) or cycle.held_bytes <= HIGH_WATER_LIMIT:
            cycle.body += body
            cycle.message_event.set()
            self._begin(cycle)
        else:
            count("bytes_in_flight")
            self.fail(cycle, no_memory())

    def on_message_complete(self) -> None:
        """End the request's body."""
        if self._is_offered and self.parser.should_upgrade():
            return
        self.is_in_body = False
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()
            self._begin(self.cycle)

    def _stop(self, fault: CabinetError) -> NoReturn:
        """Make the parser stop with this error."""
        self._fault = fault
        raise ValueError


def _with_prefix(path: str, root_path: str) -> str:
    """The path with the prefix of ASGI's `root_path`, which a proxy may have removed."""
    return path if path == root_path or path.startswith(f"{root_path}/") else root_path + path
