"""The services that routes use, opened when a process starts and closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from svc.access.authenticator import Authenticator
from svc.access.meter import UsageMeter, running_meter
from svc.access.rate_limit import RateLimiter
from svc.access.tokens import token_verifier
from svc.accounts.plans import check_default_plan
from svc.background import Background
from svc.database.queries import Database
from svc.embedding.choice import create_provider
from svc.embedding.provider import EmbeddingProvider
from svc.ingest.tokens import tokenizer
from svc.loop_lag import lag_turn
from svc.migrations.files import migration_ids
from svc.migrations.migrate import check_model
from svc.migrations.roles import check_role
from svc.plans.slow_statements import watched_database
from svc.search.own_indexes import drop_own_index
from svc.search.query_terms import QueryTermsReader
from svc.settings import Settings
from svc.terms import words
from svc.worker import Worker, running_worker


@dataclass(frozen=True)
class Services:
    """The parts of a running service."""

    settings: Settings
    database: Database
    provider: EmbeddingProvider
    authenticator: Authenticator
    query_terms: QueryTermsReader
    usage: UsageMeter
    rate_limiter: RateLimiter
    migrations: list[str]
    worker: Worker | None
    background: Background
    owner_url: str = field(repr=False)

    @property
    def worker_ok(self) -> bool:
        """Whether this process's worker is running; true if this process has none."""
        return self.worker is None or self.worker.is_running

    @property
    def worker_state(self) -> str:
        """The state of this process's worker, for `/health/ready`."""
        if self.worker is None:
            return "none in this process"
        return "running" if self.worker.is_running else "failing"

    def note_messages(self) -> None:
        """Wake this process's worker, if it has one, because messages were appended."""
        if self.worker is not None:
            self.worker.note_messages()

    async def drop_own_index(self, user_id: UUID) -> bool:
        """Drop the index of an erased tenant. Returns False if it could not be dropped yet; the reason is logged."""
        return await drop_own_index(self.owner_url, self.database.statements, user_id)


@asynccontextmanager
async def running_services(
    settings: Settings,
    url: str,
    admin_key: str,
    *,
    owner_url: str | None = None,
    background: Background | None = None,
) -> AsyncIterator[Services]:
    """Open the services on the migrated database at `url`, and close them after the block.

    `owner_url` is the same database with the login that may build indexes, if that is another login. `background` has
    the loops that already run in this process.

    Raises:
        StartupError: the database or a setting is unsuitable; the detail gives the solution.
    """
    background = background or Background()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(watched_database(settings, url, background))
        await check_role(database)
        check_model(settings, await database.one("server/current_model"))
        await check_default_plan(database, settings.default_plan)
        # Otherwise the first request that counts tokens would delay the others for 150 ms.
        await asyncio.to_thread(tokenizer)
        await asyncio.to_thread(words.prepare)
        provider = create_provider(settings)
        stack.push_async_callback(provider.close)
        worker = None
        if settings.worker_concurrency:
            worker = await stack.enter_async_context(
                running_worker(settings, url, database, provider, background, owner_url=owner_url)
            )
        lag = background.keep(lag_turn, name="loop-lag")
        stack.push_async_callback(lag.stop)
        tokens = await token_verifier(settings, background)
        if tokens is not None:
            stack.push_async_callback(tokens.stop)
        authenticator = Authenticator(database, settings, admin_key, tokens)
        query_terms = QueryTermsReader(database, settings.text_language, background)
        stack.push_async_callback(query_terms.close)
        usage = await stack.enter_async_context(running_meter(database, background))
        yield Services(
            settings, database, provider, authenticator, query_terms, usage, RateLimiter(),
            migration_ids(), worker, background, owner_url or url,
        )  # fmt: skip
