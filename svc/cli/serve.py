"""`cabinet serve`: the HTTP service."""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn

from svc.access.keys import load_admin_key
from svc.app import create_app
from svc.background import Background
from svc.cli.environment import (
    DATABASE_OPTIONS,
    EMBEDDING_OPTIONS,
    POOL_OPTIONS,
    SLOW_OPTIONS,
    STOP_OPTIONS,
    WORKER_OPTIONS,
    migrated_urls,
    run,
    settings_options,
    stop_was_requested,
)
from svc.cli.secrecy import hide_secrets
from svc.cli.sections import Command
from svc.cli.stopping import end_within
from svc.cli.tracing import Tracing, tracing
from svc.errors import StartupError
from svc.services import Services, running_services
from svc.settings import Settings
from svc.settings.database_url import place_of
from svc.settings.proxies import networks_of
from svc.wire.connections import Connections
from svc.wire.listeners import create_listener
from svc.wire.server import WireServer

SERVE_OPTIONS = (
    "backup_dir",
    "host",
    "port",
    "admin_key",
    "key_cache_s",
    "default_plan",
    "jwt_issuer",
    "jwt_audience",
    "jwt_jwks_url",
    "jwt_jwks_file",
    "jwt_create_users",
    "max_upload_bytes",
    "max_body_bytes",
    "request_database_s",
    "overload_late_s",
    "exact_max_rows",
    "max_connections",
    "max_connections_per_address",
    "max_header_bytes",
    "max_in_flight_bytes",
    "max_spooled_bytes",
    "header_timeout_s",
    "body_timeout_s",
    "answer_timeout_s",
    "keep_alive_s",
    "cors_origins",
    "root_path",
    "trusted_proxies",
    "traces",
)
# Seconds of the grace period that remain when current requests are cut off: for writing the last usage, and for
# stopping the database and the embedded server.
_AFTER_REQUESTS_S = 7
# New objects before the youngest generation is collected, and collections before the next older one is.
_COLLECTED_AFTER = (5_000, 10, 10)


@click.command(cls=Command)
@settings_options(
    *SERVE_OPTIONS, *DATABASE_OPTIONS, *POOL_OPTIONS, *SLOW_OPTIONS, *EMBEDDING_OPTIONS, *WORKER_OPTIONS, *STOP_OPTIONS
)
def serve(settings: Settings) -> None:
    """Serve the HTTP API, with a worker, until Ctrl-C."""
    hide_secrets()
    with tracing(settings, "server") as traces:
        run(_serve(settings, traces))


async def _serve(settings: Settings, traces: Tracing | None) -> None:
    listener = listen(settings.host, settings.port)
    admin_key = load_admin_key(settings)
    background = Background()
    async with (
        migrated_urls(settings, makes=True, background=background) as urls,
        running_services(settings, urls.service, admin_key, owner_url=urls.owner, background=background) as services,
    ):
        greeting = _greeting(settings, listener, admin_key, _place_of_data(settings))
        await serve_until_signal(services, listener, greeting, traces)
    click.echo("Cabinet has stopped.")


def listen(host: str, port: int, setting: str = "CABINET_PORT") -> socket.socket:
    """A listening socket; port 0 takes a free one. `setting` is where the port comes from.

    Raises:
        StartupError: the address is not available.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return create_listener(family, (str(address[0]), int(address[1])))
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another {setting} (0: any free one)."
        ) from error


class _Server(WireServer):
    """A server with its own signal handling: uvicorn's would end the process before the database is stopped.

    `stopping` is set when a signal has arrived. `greeting` is printed as soon as a signal would stop the server
    cleanly.
    """

    def __init__(self, config: uvicorn.Config, connections: Connections, grace_s: float, greeting: str | None) -> None:
        super().__init__(config, connections)
        self.stopping = asyncio.Event()
        self._grace_s = grace_s
        self._greeting = greeting

    def _stop(self, number: int) -> None:
        end_within(self._grace_s)
        self.stopping.set()
        self.handle_exit(number, None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in signals}
        for number in signals:
            loop.add_signal_handler(number, self._stop, number)
        if stop_was_requested():
            self.should_exit = True
            self.stopping.set()
            end_within(self._grace_s)
        elif self._greeting is not None:
            click.echo(self._greeting)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
                # After a second signal, the database must also be stopped.
                signal.signal(number, before[number])


async def serve_until_signal(
    services: Services, listener: socket.socket, greeting: str | None = None, traces: Tracing | None = None
) -> None:
    """Print `greeting` and answer requests on `listener` until SIGINT or SIGTERM, then complete current requests."""
    connections = Connections(services.settings)
    proxies = networks_of(services.settings.trusted_proxies)
    application = create_app(services)
    config = uvicorn.Config(
        application if traces is None else traces.wrap(application),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # Without this, uvicorn would trust the header of every client on this machine.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=[str(network) for network in proxies],
        root_path=services.settings.root_path,
        timeout_graceful_shutdown=max(1, int(services.settings.stop_grace_s) - _AFTER_REQUESTS_S),
    )
    # The objects loaded so far never become garbage. A full collection would examine all of them, which takes 60 ms.
    gc.collect()
    gc.freeze()
    # With the frozen objects excluded, Python would collect garbage too often: it would take a third of the processor
    # time while thousands of connections arrive.
    gc.set_threshold(*_COLLECTED_AFTER)
    server = _Server(config, connections, services.settings.stop_grace_s, greeting)
    stopping = asyncio.create_task(_stop_working(services, server.stopping))
    watching = services.background.keep(connections.turn, name="connections")
    try:
        await server.serve(sockets=[listener])
    finally:
        listener.close()
        await watching.stop()
        # The worker ends with the server, whatever the reason.
        server.stopping.set()
        await stopping


async def _stop_working(services: Services, stopping: asyncio.Event) -> None:
    """Stop the worker at the signal, not after the last request."""
    await stopping.wait()
    if services.worker is not None:
        await services.worker.stop()


def _place_of_data(settings: Settings) -> str:
    if settings.database_url is None:
        return f"in {settings.data_dir.expanduser().resolve()}"
    return f"on the PostgreSQL at {place_of(settings.database_url.get_secret_value())}"


def _greeting(settings: Settings, listener: socket.socket, admin_key: str, place_of_data: str) -> str:
    host, port = listener.getsockname()[:2]
    shown_host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    url = f"http://{shown_host}:{port}"
    # A secret from the settings is not printed, since standard output may be a log that others read.
    where, shown_key = f"kept in {settings.data_dir / 'admin.key'}", admin_key
    if settings.admin_key:
        where, shown_key = "as set", "$CABINET_ADMIN_KEY"
    lines = "\n  ".join(_curl_lines(url, shown_key))
    return f"""
Cabinet serves on {url}   (read and try the API: {url}/docs)
The data is {place_of_data}
Admin key ({where}): {shown_key}

Try it: make a user and keep the key, upload a text, search it.

  {lines}

Ctrl-C stops it.
"""


def _curl_lines(url: str, admin_key: str) -> list[str]:
    """Three commands to paste into a shell, one after the other."""
    json = "-H 'Content-Type: application/json'"
    email = f"ada-{secrets.token_hex(3)}@example.com"
    text = "A filing cabinet keeps what the brain forgets."
    only_key = """sed 's/.*"api_key":"\\([^"]*\\)".*/\\1/'"""
    as_admin, as_user = f'-H "Authorization: Bearer {admin_key}"', '-H "Authorization: Bearer $KEY"'
    return [
        f"""KEY=$(curl -s {url}/users {as_admin} {json} -d '{{"email": "{email}"}}' | {only_key})""",
        f"""curl -s {url}/documents {as_user} {json} -d '{{"filename": "cabinet.txt", "content": "{text}"}}'""",
        f"""sleep 1; curl -s {url}/search {as_user} {json} -d '{{"query": "Where are memories kept?"}}'""",
    ]
