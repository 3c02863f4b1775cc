"""An HTTP proxy in front of the service that loses answers on command, after the service has acted, or replaces
them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_NOT_FORWARDED = {"host", "connection", "transfer-encoding", "content-length"}


class LosingProxy:
    """Forwards to `target`; drops `lost` answers, and sends `replaced` ones instead of the service's."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.lost = 0
        self.replaced: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []


@contextmanager
def losing_proxy(target: str) -> Iterator[LosingProxy]:
    """A proxy that runs until the end of the block."""
    proxy = LosingProxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            proxy.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            if proxy.replaced:
                status, headers = proxy.replaced.pop(0)
                self._answer(status, headers, b"")
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
            answer = httpx.request(self.command, proxy.target + self.path, content=body, headers=headers, timeout=30)
            if proxy.lost:
                proxy.lost -= 1
                self.close_connection = True
                return
            self._answer(answer.status_code, dict(answer.headers), answer.content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _NOT_FORWARDED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _forward  # noqa: N815, names of the base class

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002, named by the base class
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
