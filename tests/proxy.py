"""A proxy in front of PostgreSQL that breaks the network on command, in a test or as a program.

    async with running_proxy(url) as proxy:
        settings = test_settings(database_url=proxy.url)
        proxy.black_hole() # no byte passes, and neither side is informed; new connections also hang
        proxy.heal() # the network works again: held data is delivered, as with TCP
        proxy.lose() # the current connections are dead for ever; new ones work
        proxy.reset() # both sides of the current connections get a reset
        proxy.refuse()                     # new connections get a reset, until `heal`
        proxy.delay(0.2)                   # each part of the data is held for 0.2 s in both directions, until `heal`
        proxy.drop_replies("commit;", 3)    # PostgreSQL runs the next 3 such statements; their clients get no reply

`black_hole`, `lose`, `reset` and `delay` take `only`, a condition on a `Link`, such as
`lambda link: link.application == "cabinet"`; then they do not affect new connections. `proxy.links` are the open ones.

As a program, it reads the same commands from standard input, one on each line, and answers each with a line:

    python -m tests.proxy 'postgresql://postgres@/cabinet?host=/tmp/socket' --port 6543
    black_hole | heal | lose | reset | refuse | delay 0.2 | drop_replies 3 silence commit; | links | quit
    black_hole cabinet                     only the connections of the application `cabinet`; also after lose and reset

Its first line is `listening on <port>`. It stops at `quit`, at the end of its input, and at SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from tests.proxy_link import Link, Then

Only = Callable[[Link], bool]


class Proxy:
    """The proxy of one server: see the module. `dropped` counts the dropped replies."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        self.port = 0
        self.url = ""
        self.links: list[Link] = []
        self.dropped = 0
        self._target = target
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_black_hole = False
        self._refuses = False
        self._delay_s = 0.0
        self._drops: tuple[bytes, int, Then] = (b"", 0, "reset")

    def black_hole(self, only: Only | None = None) -> None:
        """Hold all data until `heal`."""
        self._is_black_hole = self._is_black_hole or only is None
        for link in self._chosen(only):
            link.passes.clear()

    def heal(self) -> None:
        """End the black hole, the delays, the refusals and the drops. Lost connections stay dead."""
        self._is_black_hole, self._refuses, self._delay_s = False, False, 0.0
        self._drops = (b"", 0, "reset")
        for link in self.links:
            link.delay_s = 0.0
            if not link.is_lost:
                link.passes.set()

    def lose(self, only: Only | None = None) -> None:
        """Hold all data of the open connections for ever."""
        for link in self._chosen(only):
            link.is_lost = True
            link.passes.clear()

    def reset(self, only: Only | None = None) -> None:
        """Reset both sides of the open connections."""
        for link in self._chosen(only):
            link.close(resets=True)

    def refuse(self) -> None:
        """Reset each new connection, until `heal`."""
        self._refuses = True

    def delay(self, seconds: float, only: Only | None = None) -> None:
        """Hold each part of the data for `seconds` in both directions, until `heal`."""
        if only is None:
            self._delay_s = seconds
        for link in self._chosen(only):
            link.delay_s = seconds

    def drop_replies(self, text: str, count: int = 1, then: Then = "reset") -> None:
        """Drop the replies to the next `count` statements that contain `text`, in upper or lower case.

        The text of a statement begins with its header, so `usage/flush` names one, and a comment can contain `commit`;
        asyncpg sends `COMMIT;`.

        The server completes each of them. Then the connection is reset or, after `silence`, dead for ever.
        """
        self._drops = (text.lower().encode(), count, then)

    def takes_reply(self, statement: bytes) -> Then | None:
        """The fault that replaces the reply to a statement; None if its reply passes. For `Link`."""
        text, count, then = self._drops
        if not count or text not in statement.lower():
            return None
        self._drops = (text, count - 1, then)
        return then

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the server. For `Link`."""
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    async def close(self) -> None:
        """Close all connections."""
        for link in list(self.links):
            link.close(resets=False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection, in a task."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(next(self._numbers), self, writer)
        if self._refuses:
            link.close(resets=True)
            return
        link.delay_s = self._delay_s
        if not self._is_black_hole:
            link.passes.set()
        self.links.append(link)
        try:
            await link.run(reader)
        except OSError:
            # The server is not running.
            link.close(resets=True)
        finally:
            self.links.remove(link)
            link.close(resets=False)

    def _chosen(self, only: Only | None) -> list[Link]:
        return [link for link in self.links if only is None or only(link)]


@asynccontextmanager
async def running_proxy(url: str, port: int = 0) -> AsyncIterator[Proxy]:
    """Run a proxy in front of the server of `url` for the block; `port` 0 selects a free port."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    number = parts.port or 5432
    proxy = Proxy(f"{folder}/.s.PGSQL.{number}" if folder else (parts.hostname or "127.0.0.1", number))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    login = parts.netloc.rpartition("@")[0]
    proxy.url = f"postgresql://{login}{'@' if login else ''}127.0.0.1:{proxy.port}{parts.path}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()


def _obey(proxy: Proxy, line: str) -> str:
    """Run one command; returns the answer."""
    command, *words = line.split()
    name = words[0] if words else ""
    only: Only | None = (lambda link: link.application == name) if words else None
    match command:
        case "black_hole" | "lose" | "reset":
            getattr(proxy, command)(only)
        case "heal" | "refuse":
            getattr(proxy, command)()
        case "delay":
            proxy.delay(float(name))
        case "drop_replies":
            count, then, *text = words
            proxy.drop_replies(" ".join(text), int(count), "silence" if then == "silence" else "reset")
        case "links":
            return " ".join(f"{link.number}:{link.application}:{link.backend_pid}" for link in proxy.links) or "none"
        case _:
            return f"no such command: {command}"
    return f"done, {proxy.dropped} replies dropped so far"


async def _run(url: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, lines.feed_eof)
    async with running_proxy(url, port) as proxy:
        sys.stdout.write(f"listening on {proxy.port}\n")
        sys.stdout.flush()
        while (line := (await lines.readline()).decode().strip()) != "quit":
            if not line:
                break
            sys.stdout.write(f"{_obey(proxy, line)}\n")
            sys.stdout.flush()
    transport.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A proxy in front of PostgreSQL that breaks the network on command.")
    parser.add_argument("url", help="URL of the server, with a host and a port or the folder of its socket.")
    parser.add_argument("--port", type=int, default=0, help="Port to listen on; 0 selects a free one.")
    arguments = parser.parse_args()
    asyncio.run(_run(arguments.url, arguments.port))
