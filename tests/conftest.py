"""Fixtures: one embedded server for the run, one migrated template database, and a clone of it for each test."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import hypothesis
import pytest
import pytest_asyncio

from svc.app import create_app
from svc.database.guard import mark_held, unmark_held
from svc.database.queries import Database, open_database
from svc.embedded.server import EmbeddedServer, start_embedded, url_as
from svc.migrations.migrate import apply_migrations
from svc.services import Services, running_services
from svc.settings import Settings
from tests import null_guard, once
from tests.callers import plugin
from tests.kept_connections import close_all_kept, close_kept, kept_connection
from tests.order import is_left_out, mark_slow, sort_longest_first
from tests.proxy import Proxy, running_proxy
from tests.watchdog import MARK, TestRun, memory_folder

# The variable selects the version of the server: make test CABINET_POSTGRES_VERSION=16
POSTGRES_VERSION = os.environ.get("CABINET_POSTGRES_VERSION", "18")
# Runs the tests under row level security: CABINET_RLS=on pytest …
ROW_SECURITY = os.environ.get("CABINET_RLS", "off") == "on"
# The tests must not depend on the settings in the environment of the developer.
for variable in [name for name in os.environ if name.startswith("CABINET_")]:
    del os.environ[variable]
for variable in ("DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "PGSERVER_POSTGRES_VERSION"):
    os.environ.pop(variable, None)
if ROW_SECURITY:
    # For the processes that tests start.
    os.environ["CABINET_RLS"] = "on"
Settings.model_config["env_file"] = None
# A busy machine draws examples slowly, which says nothing about a test.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")

ADMIN_KEY = "test-admin-key-0123456789"
# Seconds after which a test stops waiting. This only ends a hang, so a busy machine never needs as long.
PATIENCE_S = 300.0

_numbers = itertools.count(1)
_settings_read: dict[object, Settings] = {}
_run = pytest.StashKey[TestRun]()


def pytest_configure(config: pytest.Config) -> None:
    """Record the callers of the statements. Put all temporary files below one folder, which a watchdog removes after
    the run, however it ends.
    """
    config.pluginmanager.register(plugin, "callers")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores SIGINT in background jobs, and the processes that the tests interrupt would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        # A process of pytest-xdist inherits the environment of the main process.
        return
    # pytest keeps the folders of the last runs, for inspection after a failure.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    # Kept until the process ends, since exit handlers still stop servers, and need the folder.
    run = config.stash[_run] = TestRun()
    os.environ |= {"TMPDIR": str(run.folder), MARK: str(run.folder)}
    tempfile.tempdir = str(run.folder)


null_guard.watch()
once.share()
# During the import of the tests, nothing becomes garbage, but the collector would examine all objects repeatedly.
gc.disable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import only the files with selected tests; True for the others, None for pytest's own choice."""
    return is_left_out(collection_path, config.rootpath, config.option.markexpr) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, and mark those that `make test` leaves to `make test-slow`."""
    mark_slow(items)
    sort_longest_first(items)


def pytest_collection_finish() -> None:
    """Collect garbage again. Objects loaded so far never become garbage, so they are excluded."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Stop the shared servers."""
    once.end()


@pytest.fixture(autouse=True)
def _nulls_as_declared() -> Iterator[None]:
    """Fail if a row contains a null that the header of its statement does not declare."""
    null_guard.found.clear()
    yield
    assert not null_guard.found, f"say `null` in the header: {sorted(set(null_guard.found))}"


@pytest.fixture(autouse=True)
def _log_level_of_no_command() -> None:
    """Reset the log level, which a command run by an earlier test in this process may have changed."""
    logging.getLogger("svc").setLevel(logging.NOTSET)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: the bytes of a ZIP file depend on the time, but all processes need the same ids."""
    return argname if isinstance(val, bytes) else None


def database_url_of(server_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    parts = urlsplit(server_url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def test_settings(**changes: object) -> Settings:
    """Return settings with small limits, so that tests do not wait long."""
    values: dict[str, object] = {
        "pool_size": 5, "generic_pool_size": 1, "acquire_timeout_s": 60.0, "request_wait_s": 30.0, "worker_poll_s": 0.5,
        "connect_timeout_s": 120.0, "statement_timeout_s": 60.0,
        "worker_retry_s": 0.1,
        "overload_late_s": 0, "worker_concurrency": 2,
        "admin_key": ADMIN_KEY, "default_plan": "enterprise", "chunk_tokens": 64, "chunk_overlap_tokens": 8,
        # The result of a test must not depend on the load of the machine.
        "slow_statement_ms": 0,
        "rls": ROW_SECURITY,
        **changes,
    }  # fmt: skip
    # Reading the settings takes 5 ms. They are frozen, so equal ones are read once.
    ours = frozenset(item for item in os.environ.items() if item[0].startswith(("CABINET_", "OPENAI_", "DATABASE_URL")))
    key = (*sorted(values.items()), ours)
    try:
        if key not in _settings_read:
            _settings_read[key] = Settings(**values)  # type: ignore[arg-type]
        return _settings_read[key]
    except TypeError:
        # A value that cannot be hashed.
        return Settings(**values)  # type: ignore[arg-type]


@contextmanager
def connection_held() -> Iterator[None]:
    """Mark the task as holding a connection for the block."""
    mark = mark_held()
    try:
        yield
    finally:
        unmark_held(mark)


test_settings.__test__ = False  # type: ignore[attr-defined]


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[EmbeddedServer]:
    """The embedded server of this run, in its own folder, stopped and removed at the end."""
    # pytest's temporary folder is not usable: its path can be too long for a socket, and root's server cannot read it.
    folder = Path(tempfile.mkdtemp(prefix="cabinet-test-", dir=memory_folder()))
    folder.chmod(0o755)
    server = await start_embedded(folder, POSTGRES_VERSION)  # type: ignore[arg-type]
    try:
        await _trade_safety_for_speed(server)
        yield server
    finally:
        await close_all_kept()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


# The data of a test run need not survive a crash of the machine. Each clone of a database causes a checkpoint, after
# which each changed page would be written completely to the WAL. Autovacuum stays on, since `cabinet doctor` checks it.
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "1h"}


async def _trade_safety_for_speed(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(server.url)
    for setting, value in _UNSAFE.items():
        await connection.execute(f"alter system set {setting} = '{value}'")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


@pytest_asyncio.fixture(scope="session")
async def template(server: EmbeddedServer) -> str:
    """The name of a migrated, empty database, which is cloned for each test."""
    await apply_migrations(test_settings(), server.url)
    return "cabinet"


@pytest_asyncio.fixture
async def database_url(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """The URL of a new migrated database."""
    async with fresh_database(server, template) as url:
        yield url


@asynccontextmanager
async def fresh_database(server: EmbeddedServer, template: str) -> AsyncIterator[str]:
    """Create a clone of the template for the block and return its URL."""
    async with clone(server, template, f"test_{next(_numbers)}") as url:
        yield url


@asynccontextmanager
async def clone(server: EmbeddedServer, template: str, name: str, **session: str) -> AsyncIterator[str]:
    """Create a clone with this name for the block and return its URL. `session`: settings of each connection to it."""
    async with kept_connection(database_url_of(server.url, "postgres")) as connection:
        await connection.execute(f"create database {name} template {template} strategy file_copy")
        for setting, value in session.items():
            await connection.execute(f"alter database {name} set {setting} = {value}")
    url = database_url_of(server.url, name)
    yield url
    await close_kept(url)
    async with kept_connection(database_url_of(server.url, "postgres")) as connection:
        await connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def settings() -> Settings:
    """Settings for tests, with the local embedding model."""
    return test_settings()


@pytest_asyncio.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    """A `Database` on a new database, connected as the role of the service."""
    database = await open_database(settings, url_as(database_url, settings.service_role))
    try:
        yield database
    finally:
        await database.close()


@dataclass
class Service:
    """A service under test: the real routes on a real database, called over ASGI in this process."""

    client: httpx.AsyncClient
    services: Services
    url: str

    async def call(self, method: str, path: str, key: str | None = ADMIN_KEY, **options: Any) -> httpx.Response:
        """Send one request with this key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.client.request(method, path, headers={**headers, **options.pop("headers", {})}, **options)

    async def user(self, email: str) -> tuple[str, str]:
        """Create a user and return the id and the key."""
        response = await self.call("POST", "/users", json={"email": email})
        assert response.status_code == 201, response.text
        return response.json()["user"]["id"], response.json()["api_key"]

    async def ready_document(self, key: str, filename: str, content: str, **metadata: Any) -> dict[str, Any]:
        """Upload a text and wait until it is ready."""
        body = {"filename": filename, "content": content, "metadata": metadata}
        response = await self.call("POST", "/documents", key, json=body)
        assert response.status_code == 202, response.text
        document = await self.ended(key, response.json()["id"])
        assert document["status"] == "ready", document
        return document

    async def ended(self, key: str, document_id: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a document is no longer processing and return it."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            document = (await self.call("GET", f"/documents/{document_id}", key)).json()
            if document["status"] != "processing":
                return dict(document)
            await asyncio.sleep(0.05)
        raise AssertionError(f"still processing after {within_s} s: {document}")


@asynccontextmanager
async def running_service(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """Run a service on this database, connected as the role of the service, for the block."""
    as_service = url_as(database_url, settings.service_role)
    async with running_services(settings, as_service, ADMIN_KEY, owner_url=database_url) as services:
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://cabinet") as client:
            yield Service(client, services, database_url)


@pytest_asyncio.fixture
async def service(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """A service with a worker and the local embedding model, on a new database."""
    async with running_service(settings, database_url) as service:
        yield service


@pytest_asyncio.fixture
async def observer(database_url: str) -> AsyncIterator[Any]:
    """A separate connection to the same database."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the database, which breaks the network on command."""
    async with running_proxy(database_url) as proxy:
        yield proxy
