"""The session that migrates a database. Only one runs at a time; it waits for locks and reports the sessions that hold
them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from svc.backoff import backoff, jittered
from svc.database import connecting
from svc.database.rows import ServerDatabase
from svc.database.suitability import check_suitable, check_writable
from svc.errors import StartupError
from svc.migrations.steps import Command, MigrationStep, Statements, lock_command, session_commands

logger = logging.getLogger(__name__)

OWNER_WANTED = "Give the URL of the tables' owner in CABINET_OWNER_DATABASE_URL."
_APPLICATION = "cabinet migrate"
# Seconds between checks whether another process has finished migrating, and between log lines about it.
_LOCK_CHECK_S = 0.2
_LOCK_LOG_S = 10.0
# Seconds between checks for sessions that block a running step.
_BLOCKERS_CHECK_S = 0.5
_MAX_BLOCKERS = 5
_ANSWER_S = 10.0
# The longest pause before the second attempt, which doubles with each further one, and its maximum.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 8.0
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, OSError, TimeoutError)


async def connect(url: str, application: str = _APPLICATION, statement_s: float | None = None) -> Any:
    """Open a connection to the database. `statement_s` is the time limit of a statement; None means no limit.

    Raises:
        StartupError: the connection cannot be opened.
    """
    return await connecting.connect(
        url, timeout_s=10, session={"application_name": application}, statement_s=statement_s
    )


@asynccontextmanager
async def migrating(url: str, statements: Statements, wait_s: float) -> AsyncIterator[MigrationSession]:
    """Open the migrating session for the block. If another session is migrating, wait for it without a time limit.

    A step is retried for `wait_s` seconds if other sessions hold the locks that it needs.

    Raises:
        StartupError: the database is unsuitable, or the login lacks a privilege.
    """
    connection = await connect(url)
    session = MigrationSession(connection, url, statements, wait_s)
    try:
        database = await connection.fetchrow(statements["server/database"].text, record_class=ServerDatabase)
        check_suitable(database)
        check_writable(database)
        await session.begin()
        yield session
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(f"This login may not migrate: {error}. {OWNER_WANTED}") from error
    except _LOST as error:
        raise StartupError(
            f"The connection to the database was lost during the migration ({type(error).__name__}). Run it again: "
            "finished steps are recorded and not repeated."
        ) from error
    finally:
        await session.close()


class MigrationSession:
    """Holds the advisory lock for migrations while it is open. The lock ends with the session, even if killed."""

    def __init__(self, connection: Any, url: str, statements: Statements, wait_s: float) -> None:
        self.connection = connection
        self._url = url
        self._statements = statements
        self._wait_s = wait_s
        self._observer: Any = None

    async def begin(self) -> None:
        """Set up the session and take the lock."""
        await self._end_with_client()
        for command in session_commands(self._statements):
            await self._send(command)
        lock = lock_command(self._statements)
        logged_at = time.monotonic() - _LOCK_LOG_S + 1
        # Polled, so that the wait can be logged.
        while not await self.connection.fetchval(lock.text):
            if time.monotonic() - logged_at >= _LOCK_LOG_S:
                logged_at = time.monotonic()
                row = await self.connection.fetchrow(self._statements["server/migrating_session"].text)
                logger.info("waiting for another session that migrates the database: %s", _session(row))
            await asyncio.sleep(_LOCK_CHECK_S)

    async def _end_with_client(self) -> None:
        """Make the server cancel the running statement if this process is killed; otherwise it would keep the lock."""
        setting = self._statements["server/set_for_session"].text
        try:
            await self.connection.fetchval(setting, "client_connection_check_interval", "1s")
        except asyncpg.InvalidParameterValueError as error:
            logger.debug("the server cannot detect that a client has been killed: %s", error)

    async def run(self, step: MigrationStep) -> None:
        """Run a step, and retry it while other sessions hold the locks that it needs.

        Raises:
            StartupError: the step failed, or did not get the locks in time; a transactional step has changed nothing.
        """
        deadline = time.monotonic() + self._wait_s
        for attempt in itertools.count(1):
            blockers: list[Any] = []
            try:
                await self._attempt(step, blockers)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                pause_s = jittered(backoff(attempt, _FIRST_PAUSE_S, _LONGEST_PAUSE_S))
                if time.monotonic() + pause_s > deadline or not step.is_transactional:
                    raise StartupError(self._gave_up(step, attempt, blockers)) from error
                logger.info("%s is waiting for %s; retrying in %.1f s", step.name, _sessions(blockers), pause_s)
                await asyncio.sleep(pause_s)
            except asyncpg.InsufficientPrivilegeError as error:
                raise StartupError(f"{step.name} failed{_kept(step)}: {error}. {OWNER_WANTED}") from error
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                raise StartupError(f"{step.name} failed{_kept(step)}: {error}") from error
            else:
                return

    def _gave_up(self, step: MigrationStep, attempt: int, blockers: Sequence[Any]) -> str:
        tries = f"in {attempt} attempts within {self._wait_s:g} s" if step.is_transactional else "in time"
        return (
            f"{step.name} did not get the locks that it needs {tries}{_kept(step)}. They are held by "
            f"{_sessions(blockers)}. Run it again when that has ended, or end it."
        )

    async def _attempt(self, step: MigrationStep, blockers: list[Any]) -> None:
        watch = asyncio.create_task(self._watch(step, blockers))
        try:
            if step.is_transactional:
                async with self.connection.transaction():
                    await self._send_all(step)
            else:
                await self._send_all(step)
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def _send_all(self, step: MigrationStep) -> None:
        for command in step.commands:
            await self._send(command)

    async def _send(self, command: Command) -> None:
        await self.connection.execute(command.text, *command.arguments)

    async def _watch(self, step: MigrationStep, blockers: list[Any]) -> None:
        """Keep the sessions that block the step in `blockers`, and log them if the step takes long."""
        logged_at = time.monotonic()
        while True:
            await asyncio.sleep(_BLOCKERS_CHECK_S)
            try:
                rows = await self._find_blockers()
            except (StartupError, asyncpg.PostgresError, *_LOST) as error:
                logger.debug("cannot find out which sessions block %s: %r", step.name, error)
                continue
            if rows:
                blockers[:] = rows
            if rows and time.monotonic() - logged_at >= _LOCK_LOG_S:
                logged_at = time.monotonic()
                logger.info("%s is waiting for %s", step.name, _sessions(rows))

    async def _find_blockers(self) -> list[Any]:
        if self._observer is None or self._observer.is_closed():
            self._observer = await connect(self._url, f"{_APPLICATION} observer", _ANSWER_S)
        statement = self._statements["server/migration_blockers"].text
        return list(await self._observer.fetch(statement, self.connection.get_server_pid(), _MAX_BLOCKERS))

    async def close(self) -> None:
        """Disconnect, which releases the lock."""
        for connection in (self._observer, self.connection):
            if connection is not None:
                await connecting.disconnect(connection)


def _kept(step: MigrationStep) -> str:
    if step.is_transactional:
        return ", and changed nothing"
    return "; the next run drops an incomplete index"


def _sessions(rows: Sequence[Any]) -> str:
    if not rows:
        return "a session that is not visible (pg_prepared_xacts shows prepared transactions)"
    return "; ".join(_session(row) for row in rows)


def _session(row: Any) -> str:
    if row is None:
        return "it has just ended"
    parts = [f"pid {row['pid']}"]
    if row["application"]:
        parts.append(f"application {row['application']}")
    if row.get("statement"):
        parts.append(f"statement {row['statement']}")
    if row.get("state"):
        parts.append(row["state"])
    seconds = row["seconds"]
    return ", ".join(parts) + (f", for {seconds:.0f} s" if seconds is not None else "")
