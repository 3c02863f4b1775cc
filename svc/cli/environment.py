"""The environment of every command: its settings from flags, its log, its database, and its errors as sentences."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import uvloop

from svc.background import Background
from svc.cli.failing import fail
from svc.cli.sections import SettingOption
from svc.cli.stopping import last_act
from svc.database.queries import Database, open_database
from svc.embedded.archive import backup_folder
from svc.embedded.server import EmbeddedServer, is_made, start_embedded
from svc.embedded.supervision import supervised
from svc.errors import CabinetError, StartupError
from svc.log_format import configure_log
from svc.migrations.migrate import apply_migrations, migration_states
from svc.settings import Settings, environment_name, load_settings

logger = logging.getLogger(__name__)

_stop_requested = threading.Event()

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

DATABASE_OPTIONS = (
    "data_dir",
    "database_url",
    "owner_database_url",
    "service_role",
    "rls",
    "postgres_version",
    "postgres_memory_mb",
    "log_level",
    "log_format",
)
MIGRATION_OPTIONS = ("migration_wait_s",)
EMBEDDING_OPTIONS = (
    "openai_api_key",
    "openai_base_url",
    "embedding_provider",
    "embedding_model",
    "embedding_dimensions",
    "embedding_batch_size",
    "embedding_concurrency",
    "embedding_timeout_s",
    "embedding_max_retries",
    "embedding_proxy",
    "embedding_cache_mb",
)
SLOW_OPTIONS = ("slow_statement_ms", "slow_plan_s")
POOL_OPTIONS = (
    "pool_min_size",
    "pool_size",
    "generic_pool_size",
    "acquire_timeout_s",
    "request_wait_s",
    "statement_timeout_s",
    "connect_timeout_s",
)
STOP_OPTIONS = ("stop_grace_s",)
WORKER_OPTIONS = (
    "index_min_rows",
    "index_max_count",
    "index_memory_mb",
    "index_check_s",
    "reuse_embeddings",
    "embed_messages",
    "text_language",
    "worker_concurrency",
    "worker_lease_s",
    "worker_poll_s",
    "worker_max_attempts",
    "worker_max_interruptions",
    "worker_retry_s",
    "chunk_tokens",
    "chunk_overlap_tokens",
    "max_chunks",
    "parse_cpu_s",
    "parse_timeout_s",
    "parse_memory_mb",
    "ocr",
)


# The options that the help shows last, in a separate section: they are the same for most commands.
_LAST_SECTION = "Database and log"
_LAST_OPTIONS = frozenset({*DATABASE_OPTIONS, *MIGRATION_OPTIONS, *SLOW_OPTIONS, *POOL_OPTIONS})


def settings_options(*names: str, failure_code: int = 2) -> Callable[[Command], Command]:
    """Give a command a flag for each of these settings; the command receives `settings` instead. Invalid settings end
    it with `failure_code`.

    The flags carry no default and no type of their own: `Settings` has both, and its errors name the setting.
    """

    def decorate(command: Command) -> Command:
        def with_settings(**arguments: Any) -> Any:
            flags = {name: arguments.pop(name) for name in names}
            try:
                settings = load_settings(**flags)
            except CabinetError as error:
                fail(error, failure_code)
            configure_log(settings.log_level, settings.log_format)
            return command(settings=settings, **arguments)

        with_settings.__doc__ = command.__doc__
        with_settings.__name__ = command.__name__
        # Introspection of the command finds the wrapped function.
        with_settings.__wrapped__ = command  # type: ignore[attr-defined]
        with_settings.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
        for name in reversed(names):
            with_settings = setting_option(name)(with_settings)
        return with_settings  # type: ignore[return-value]

    return decorate


def setting_option(name: str) -> Callable[[Any], Any]:
    """The flag of a setting."""
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"; default {field.default}"
    text = f"{field.description} [{environment_name(name)}{default}]"
    return click.option(
        f"--{name.replace('_', '-')}", name, cls=SettingOption, default=None, metavar="VALUE", help=text,
        section=_LAST_SECTION if name in _LAST_OPTIONS else None,
    )  # fmt: skip


def run(work: Coroutine[Any, Any, T], *, failure_code: int = 2) -> T:
    """Run a command's work; an error with a message for users becomes that message and the exit code."""
    signal.signal(signal.SIGTERM, _on_stop)
    try:
        result = uvloop.run(work)
    except CabinetError as error:
        fail(error, failure_code)
    except KeyboardInterrupt:
        sys.exit(130)
    if stop_was_requested():
        sys.exit(130)
    return result


def stop_was_requested() -> bool:
    """Whether SIGTERM arrived outside of serving. The cancellation alone is not enough: asyncio may lose it if it
    arrives together with the awaited result."""
    return _stop_requested.is_set()


def _on_stop(*_: Any) -> None:
    _stop_requested.set()
    # Like Ctrl-C: otherwise a stop during the start would leave the embedded server running.
    signal.raise_signal(signal.SIGINT)


@dataclass(frozen=True)
class DatabaseUrls:
    """One database for its two roles: the service, which reads and writes rows, and the owner of the tables."""

    service: str
    owner: str


@asynccontextmanager
async def database_urls(
    settings: Settings, *, makes: bool = False, background: Background | None = None
) -> AsyncIterator[DatabaseUrls]:
    """The URLs of the database: those given, else those of the embedded server, which runs for the block.

    Raises:
        StartupError: no database is given, none is in the data folder, and the command does not `make` one. Otherwise a
        command in a folder other than the server's would silently use a new database.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.owner_database_url
        yield DatabaseUrls(url, url if owner is None else owner.get_secret_value())
        return
    async with embedded_server(settings, makes=makes, background=background) as server:
        yield DatabaseUrls(server.service_url, server.url)


@asynccontextmanager
async def embedded_server(
    settings: Settings, *, makes: bool = False, background: Background | None = None
) -> AsyncIterator[EmbeddedServer]:
    """The embedded server, supervised for the block; raises as `database_urls` does. The command that `makes` a
    database also decides whether the server archives its WAL.
    """
    if not makes and not is_made(settings.data_dir):
        raise StartupError(
            f"There is no database in the data folder {settings.data_dir.expanduser().resolve()}, and DATABASE_URL is "
            "not set. Run this command in the folder where cabinet serve runs, name the data folder that it printed at "
            "its start with --data-dir (or CABINET_DATA_DIR), or set DATABASE_URL. cabinet serve creates a database."
        )
    archive = None if settings.backup_dir is None else backup_folder(settings.backup_dir)
    server = await start_embedded(
        settings.data_dir,
        settings.postgres_version,
        settings.embedded_memory_mb,
        settings.service_role,
        archive if makes else "keep",
    )
    try:
        if makes and archive is not None and not (await server.archiver()).is_on:
            logger.warning("the server was already running without CABINET_BACKUP_DIR; it archives from its next start")
        with last_act(server.stop):
            async with supervised(server, background):
                yield server
    finally:
        server.stop()


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database for its owner, who may change its tables."""
    async with database_urls(settings) as urls:
        yield urls.owner


@asynccontextmanager
async def migrated_urls(
    settings: Settings, *, makes: bool = False, background: Background | None = None
) -> AsyncIterator[DatabaseUrls]:
    """The URLs of the database at this release's schema. The embedded one is migrated on the way, and supervised in
    `background`.

    Raises:
        StartupError: the given database lacks migrations, which its owner decides to apply. Or as `database_urls`.
    """
    async with database_urls(settings, makes=makes, background=background) as urls:
        if settings.database_url is None:
            await apply_migrations(settings, urls.owner)
        missing = [state.id for state in await migration_states(urls.service) if state.state == "missing"]
        if missing:
            raise StartupError(f"The database lacks the migrations {', '.join(missing)}; run: cabinet migrate apply")
        yield urls


@asynccontextmanager
async def migrated_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database for the service, at this release's schema; raises as `migrated_urls` does."""
    async with migrated_urls(settings) as urls:
        yield urls.service


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """The query module on the migrated database, for the block."""
    async with migrated_url(settings) as url:
        database = await open_database(settings, url)
        try:
            yield database
        finally:
            await database.close()
