"""Poolers between Cabinet and its database: a proxy that drops the settings of a connection, and PgBouncer."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
_SSL_REQUEST = 80877103


def socket_folder(url: str) -> str:
    """The folder of the socket to which a URL of the embedded server points."""
    return parse_qs(urlsplit(url).query)["host"][0]


def through(url: str, port: int) -> str:
    """The URL of the same database through a port of this machine."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"


@asynccontextmanager
async def dropping_proxy(url: str) -> AsyncIterator[int]:
    """A port that leads to the server of `url`, but drops the settings of a connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(f"{socket_folder(url)}/.s.PGSQL.5432")
        length = int.from_bytes(await reader.readexactly(4), "big")
        body = await reader.readexactly(length - 4)
        if int.from_bytes(body[:4], "big") == _SSL_REQUEST:
            writer.write(b"N")
            length = int.from_bytes(await reader.readexactly(4), "big")
            body = await reader.readexactly(length - 4)
        words = body[4:].split(b"\0")
        kept = b"".join(
            name + b"\0" + value + b"\0"
            for name, value in zip(words[::2], words[1::2], strict=False)
            if name in {b"user", b"database"}
        )
        packet = body[:4] + kept + b"\0"
        server_writer.write((len(packet) + 4).to_bytes(4, "big") + packet)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(_pump(source, target))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


@asynccontextmanager
async def pgbouncer(url: str, ignored: Iterable[str] = ()) -> AsyncIterator[int]:
    """The port of a PgBouncer in session mode before the server of `url`, with these `ignore_startup_parameters`."""
    assert PGBOUNCER is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="cabinet-pgbouncer-"))
    folder.chmod(0o755)
    # With auth_type = any, PgBouncer connects as the user that is named here.
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host={socket_folder(url)} port=5432 user={urlsplit(url).username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
ignore_startup_parameters = {", ".join(ignored)}
"""
    )
    # PgBouncer refuses to run as root, and the socket of the embedded server is only for the server's user.
    as_user = ["-u", "pgserver"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        PGBOUNCER, "-q", *as_user, folder / "pgbouncer.ini",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                assert process.returncode is None, "PgBouncer ended at its start"
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)
