"""`cabinet demo`: shows the service with two users, over real HTTP, in one process tree."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from svc.access.keys import load_admin_key
from svc.cli.environment import migrated_urls, run, settings_options
from svc.cli.sections import Command
from svc.cli.serve import listen, serve_until_signal
from svc.demo.screen import Screen
from svc.demo.tour import Tour
from svc.log_format import configure_log
from svc.services import Services, running_services
from svc.settings import Settings

_HOST = "127.0.0.1"
_STOPPING_S = 1.0


@click.command(cls=Command)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Use and keep this folder [CABINET_DATA_DIR; default: a temporary one, removed at the end].",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder and its contents.")
@settings_options("postgres_version", "embedding_provider")
def demo(settings: Settings, data_dir: Path | None, keep: bool) -> None:
    """Show Cabinet at work: two users, their documents, searches, a conversation, and the separation of the users.

    It runs the service on a free port with a temporary PostgreSQL, calls it over HTTP, checks every answer, and stops
    everything. It needs no key and no network: the embedding model is the local one, unless --embedding-provider says
    otherwise. It never uses DATABASE_URL.
    """
    if data_dir is None and "data_dir" in settings.model_fields_set:
        data_dir = settings.data_dir
    if not run(_in_folder(settings, data_dir, keep)):
        sys.exit(130)


async def _in_folder(settings: Settings, chosen: Path | None, keep: bool) -> bool:
    """Run the demo on its data folder; returns whether it was completed."""
    screen = Screen()
    folder = _data_folder(chosen, keep)
    ada_key = await _demo(_settings_for(settings, folder), screen)
    if ada_key and (keep or chosen):
        screen.line(f"Kept. Continue with: cabinet serve --data-dir {folder}\nAda's key: {ada_key}")
    return ada_key is not None


def _data_folder(chosen: Path | None, keep: bool) -> Path:
    if chosen is not None:
        return chosen
    folder = Path(tempfile.mkdtemp(prefix="cabinet-demo-"))
    if os.geteuid() == 0:
        # If started by root, PostgreSQL runs as another user, who must be able to reach its folder below this one.
        folder.chmod(0o755)
    if not keep:
        # At the very end, since a server whose start was interrupted is stopped at exit, which needs its folder.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _settings_for(settings: Settings, folder: Path) -> Settings:
    """The default settings, except the few that the demo accepts, so that it shows the same everywhere."""
    log_level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    configure_log(log_level)
    kept = {"postgres_version"}
    # A key in the environment does not mean that the user wants to pay for a demo.
    if "embedding_provider" in settings.model_fields_set:
        kept |= {name for name in Settings.model_fields if name.startswith(("embedding_", "openai_"))}
    defaults = {name: field.default for name, field in Settings.model_fields.items() if name not in kept}
    # On a new server, slow statements only show how busy the machine is.
    chosen = {"host": _HOST, "port": 0, "data_dir": folder, "log_level": log_level, "slow_statement_ms": 0.0}
    return settings.model_copy(update={**defaults, **chosen})


async def _demo(settings: Settings, screen: Screen) -> str | None:
    """Serve and run the tour; returns the key of the remaining user, None if a signal stopped it."""
    started = time.perf_counter()
    screen.panel(
        "Cabinet: the data layer of an AI application",
        "Users, documents, vectors and conversations in one PostgreSQL, every statement a file in sql/. Starting a "
        f"PostgreSQL {settings.postgres_version} with pgvector and the service …",
    )
    listener = listen(settings.host, settings.port)
    admin_key = load_admin_key(settings)
    async with (
        migrated_urls(settings, makes=True) as urls,
        running_services(settings, urls.service, admin_key, owner_url=urls.owner) as services,
    ):
        address = f"http://{_HOST}:{listener.getsockname()[1]}"
        screen.line(
            f"The service answers on {address} after {time.perf_counter() - started:.1f} s; embeddings by "
            f"{settings.model}."
        )
        tour = Tour(address, admin_key, screen)
        is_done = await _while_serving(services, listener, tour.run())
    if not is_done:
        return None
    screen.line("")
    screen.panel(
        f"{screen.checks} claims checked in {time.perf_counter() - started:.1f} s, all true; everything is stopped",
        "Next: `cabinet serve` runs the service here; `cabinet sql list` names every statement that it runs.",
    )
    return tour.ada.key


async def _while_serving(services: Services, listener: socket.socket, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work while the service runs, then stop it; false when a signal stopped the service first."""
    server = asyncio.create_task(serve_until_signal(services, listener))
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({server, working}, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and working.exception() is not None:
            # A service that is being stopped refuses connections shortly before it ends.
            await asyncio.wait({server}, timeout=_STOPPING_S)
        if server.done():
            server.result()
            return False
        working.result()
        return True
    finally:
        working.cancel()
        _stop(server)
        await asyncio.gather(server, working, return_exceptions=True)


def _stop(server: asyncio.Task[None]) -> None:
    """Stop the service as its operator would: it completes current requests."""
    if not server.done():
        signal.raise_signal(signal.SIGTERM)
