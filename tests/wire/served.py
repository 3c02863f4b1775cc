"""A small application behind the service's protocol, on a real socket and with short deadlines."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from svc.background import Background
from svc.errors import NotFoundError
from svc.web.observe import ObservedApplication
from svc.web.spooling import spooling
from svc.wire.connections import Connections
from svc.wire.listeners import create_listener
from svc.wire.server import WireServer
from tests.conftest import PATIENCE_S, test_settings

PART_BYTES = 256 * 1024


class Application:
    """Routes that record requests: `running` are the current ones, `seen` are all that were started."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.released = threading.Event()
        self.parts_sent = 0

    def asgi(self) -> Starlette:
        """The application."""
        routes = [
            Route("/path/{word:path}", self._path),
            Route("/wait", self._wait),
            Route("/body", self._body, methods=["POST"]),
            Route("/spooled", self._spooled, methods=["POST"]),
            Route("/refused", self._refused, methods=["POST"]),
            Route("/headers", self._headers, methods=["POST"]),
            Route("/large/{size:int}", self._large),
            Route("/parts/{count:int}", self._parts),
            Route("/cut", self._cut),
        ]
        return Starlette(routes=routes, middleware=[Middleware(ObservedApplication)])

    async def _path(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        return JSONResponse({"path": request.url.path})

    async def _wait(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        await asyncio.to_thread(self.released.wait)
        return JSONResponse({"waited": True})

    async def _body(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        return JSONResponse({"size": len(await request.body())})

    async def _spooled(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        with spooling(request):
            return JSONResponse({"size": sum([len(part) async for part in request.stream()])})

    async def _refused(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        return JSONResponse({"refused": True}, 401)

    async def _headers(self, request: Request) -> Response:
        await request.body()
        return JSONResponse(sorted(request.headers))

    async def _large(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        return Response(bytes(request.path_params["size"]))

    async def _parts(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(request.path_params["count"]):
                self.parts_sent += 1
                yield bytes(PART_BYTES)

        return StreamingResponse(parts())

    async def _cut(self, _request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield bytes(PART_BYTES)
            raise NotFoundError("there is no such document")

        return StreamingResponse(parts(), headers={"Content-Length": str(2 * PART_BYTES)})


class Served:
    """Serves the application from a thread with uvloop until the end of the block.

    `http="httptools"` selects uvicorn's own protocol. `receive_bytes` is the kernel's buffer of each connection.
    """

    def __init__(self, http: str | None = None, receive_bytes: int | None = None, **settings: Any) -> None:
        self.application = Application()
        self.connections = Connections(test_settings(**settings))
        self._listener = create_listener(socket.AF_INET, ("127.0.0.1", 0))
        if receive_bytes is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        config = uvicorn.Config(
            self.application.asgi(),
            http=http or "httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        self._server = WireServer(config, self.connections) if http is None else uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()))
        self._clients: list[Client] = []

    async def _serve(self) -> None:
        loop = Background().keep(self.connections.turn, name="connections")
        await self._server.serve(sockets=[self._listener])
        await loop.stop()

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the clients and stop."""
        self.application.released.set()
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._listener.close()

    @property
    def open_count(self) -> int:
        """The number of connections to the server."""
        return len(self._server.server_state.connections)

    @property
    def waiting_count(self) -> int:
        """The number of connections that have sent no request yet."""
        return len(self.connections.lobby or ())

    def client(
        self, host: str = "127.0.0.1", receive_bytes: int | None = None, send_bytes: int | None = None
    ) -> Client:
        """A new connection from this address, closed at the end of the block."""
        client = Client(self._listener.getsockname(), host, receive_bytes, send_bytes)
        self._clients.append(client)
        return client


class Answer:
    """One received answer."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.body = body

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Client:
    """A raw connection."""

    def __init__(self, address: tuple[str, int], host: str, receive_bytes: int | None, send_bytes: int | None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if send_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind((host, 0))
        self.socket.connect(address)
        self._received = b""

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def send(self, data: bytes) -> Self:
        """Send all bytes."""
        self.socket.sendall(data)
        return self

    def try_to_send(self, data: bytes) -> bool:
        """Send all bytes; false if the server has closed the connection."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def answer(self) -> Answer:
        """Read one answer."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        answer = Answer(head, b"")
        if answer.headers.get("transfer-encoding") == "chunked":
            while not self._received.endswith(b"0\r\n\r\n"):
                self._more()
            answer.body, self._received = self._received, b""
            return answer
        size = int(answer.headers["content-length"])
        while len(self._received) < size:
            self._more()
        answer.body, self._received = self._received[:size], self._received[size:]
        return answer

    def interim(self) -> int:
        """Read the head of an interim answer; returns its status."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return Answer(head, b"").status

    def is_closed(self) -> bool:
        """Wait until the server closes the connection; discards received bytes."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {self._received[:200]!r}")
        self._received += data


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is met."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.01)


def get(path: str, *headers: str) -> bytes:
    """A GET request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: cabinet", *headers, "", ""]).encode()


def post(path: str, *headers: str) -> bytes:
    """The head of a POST request."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: cabinet", *headers, "", ""]).encode()
