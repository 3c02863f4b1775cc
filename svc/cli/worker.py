"""`cabinet worker`: ingestion without HTTP, on this machine or another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import click

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
)
from svc.cli.output import echo
from svc.cli.secrecy import hide_secrets
from svc.cli.sections import Command
from svc.cli.serve import listen
from svc.cli.stopping import stop_on_signals
from svc.cli.tracing import tracing
from svc.embedding.choice import create_provider
from svc.errors import StartupError
from svc.loop_lag import lag_turn
from svc.migrations.migrate import check_model
from svc.migrations.roles import check_role
from svc.plans.slow_statements import watched_database
from svc.settings import Settings
from svc.worker import running_worker
from svc.worker_status import serving_status, status_application


@click.command(cls=Command)
@settings_options(
    "host",
    "metrics_port",
    "traces",
    *DATABASE_OPTIONS,
    *POOL_OPTIONS,
    *SLOW_OPTIONS,
    *EMBEDDING_OPTIONS,
    *WORKER_OPTIONS,
    *STOP_OPTIONS,
)
def worker(settings: Settings) -> None:
    """Ingest uploaded documents until Ctrl-C. Any number of workers may run on one database."""
    hide_secrets()
    with tracing(settings, "worker"):
        run(_work(settings))


async def _work(settings: Settings) -> None:
    if settings.worker_concurrency == 0:
        raise StartupError("CABINET_WORKER_CONCURRENCY is 0, so a worker would do nothing")
    listener = (
        None if settings.metrics_port is None else listen(settings.host, settings.metrics_port, "CABINET_METRICS_PORT")
    )
    stopped = asyncio.Event()
    stop_on_signals(stopped, settings.stop_grace_s)
    background = Background()
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(migrated_urls(settings, background=background))
        database = await stack.enter_async_context(watched_database(settings, urls.service, background))
        await check_role(database)
        check_model(settings, await database.one("server/current_model"))
        provider = create_provider(settings)
        stack.push_async_callback(provider.close)
        running = await stack.enter_async_context(
            running_worker(settings, urls.service, database, provider, background, owner_url=urls.owner)
        )
        lag = background.keep(lag_turn, name="loop-lag")
        stack.push_async_callback(lag.stop)
        if listener is not None:
            application = status_application(database, running, background)
            await stack.enter_async_context(serving_status(application, listener))
            host, bound = listener.getsockname()[:2]
            echo(f"Metrics on http://{f'[{host}]' if ':' in host else host}:{bound}/metrics")
        echo(f"Cabinet's worker waits for documents, {settings.worker_concurrency} at once. Ctrl-C stops it.")
        await stopped.wait()
    echo("Cabinet's worker has stopped.")
