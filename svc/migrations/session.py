"""The one session that migrates a database: alone, patient with locks, and able to say for whom it waits."""

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

OWNER_WANTED = "Give the login of the tables' owner in CABINET_OWNER_DATABASE_URL."
_APPLICATION = "cabinet migrate"
# Seconds between two looks whether another process has done migrating, and between two lines of the log about it.
_LOCK_LOOK_S = 0.2
_LOCK_LOG_S = 10.0
# Seconds a step runs before it is looked whom it waits for, again and again.
_BLOCKERS_LOOK_S = 0.5
_MAX_BLOCKERS = 5
# Most seconds before the second attempt, twice as many before each further one, never more than the last.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 8.0
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, OSError, TimeoutError)


async def connect(url: str, application: str = _APPLICATION) -> Any:
    """A connection to the database.

    Raises:
        StartupError: it cannot be had.
    """
    return await connecting.connect(url, timeout_s=10, session={"application_name": application})


@asynccontextmanager
async def migrating(url: str, statements: Statements, wait_s: float) -> AsyncIterator[MigrationSession]:
    """The session that may migrate, for the block; waits for another that does, however long that takes.

    A step is tried again for `wait_s` seconds when others hold the locks that it needs.

    Raises:
        StartupError: the database cannot be used, or is not fit to be migrated.
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
            f"The connection to the database was lost while it was migrated: {error!r}. Run it again: what was done is "
            "noted, and nothing is done twice."
        ) from error
    finally:
        await session.close()


class MigrationSession:
    """Holds the lock of those who migrate for as long as it is open; it goes with the session, so a killed process
    leaves nothing."""

    def __init__(self, connection: Any, url: str, statements: Statements, wait_s: float) -> None:
        self.connection = connection
        self._url = url
        self._statements = statements
        self._wait_s = wait_s
        self._observer: Any = None

    async def begin(self) -> None:
        """Set the session up and take the lock."""
        await self._notice_a_killed_client()
        for command in session_commands(self._statements):
            await self._send(command)
        lock = lock_command(self._statements)
        logged_at = time.monotonic() - _LOCK_LOG_S + 1
        # Another process has it: there is nothing here to be woken by.
        while not await self.connection.fetchval(lock.text):
            if time.monotonic() - logged_at >= _LOCK_LOG_S:
                logged_at = time.monotonic()
                row = await self.connection.fetchrow(self._statements["server/migrating_session"].text)
                logger.info("waiting for another session that migrates the database: %s", _session(row))
            await asyncio.sleep(_LOCK_LOOK_S)

    async def _notice_a_killed_client(self) -> None:
        """Let the server end what runs when this process is killed: else it would go on building, lock and all."""
        setting = self._statements["server/set_for_session"].text
        try:
            await self.connection.fetchval(setting, "client_connection_check_interval", "1s")
        except asyncpg.InvalidParameterValueError as error:
            logger.debug("the server cannot notice clients that are gone: %s", error)

    async def take(self, step: MigrationStep) -> None:
        """Send what a step consists of, again and again while others hold the locks that it needs.

        Raises:
            StartupError: it failed, or got no lock in the time given; a transactional one has changed nothing.
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
                logger.info("%s waits for %s; trying again in %.1f s", step.name, _sessions(blockers), pause_s)
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
        """Keep `blockers` at the sessions that were last seen in the way; the log tells of them when it takes long."""
        logged_at = time.monotonic()
        while True:
            await asyncio.sleep(_BLOCKERS_LOOK_S)
            try:
                rows = await self._look()
            except (StartupError, asyncpg.PostgresError, *_LOST) as error:
                logger.debug("it cannot be seen whom %s waits for: %r", step.name, error)
                continue
            if rows:
                blockers[:] = rows
            if rows and time.monotonic() - logged_at >= _LOCK_LOG_S:
                logged_at = time.monotonic()
                logger.info("%s waits for %s", step.name, _sessions(rows))

    async def _look(self) -> list[Any]:
        if self._observer is None or self._observer.is_closed():
            self._observer = await connect(self._url, f"{_APPLICATION} observer")
        statement = self._statements["server/migration_blockers"].text
        return list(await self._observer.fetch(statement, self.connection.get_server_pid(), _MAX_BLOCKERS))

    async def close(self) -> None:
        """Disconnect, at which the lock goes."""
        for connection in (self._observer, self.connection):
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=5)
                except (*_LOST, asyncpg.PostgresError) as error:
                    logger.debug("a connection did not close: %r", error)


def _kept(step: MigrationStep) -> str:
    if step.is_transactional:
        return ", and changed nothing"
    return "; an index that it left half built is dropped when it runs again"


def _sessions(rows: Sequence[Any]) -> str:
    if not rows:
        return "a session that cannot be seen (pg_prepared_xacts shows prepared transactions)"
    return "; ".join(_session(row) for row in rows)


def _session(row: Any) -> str:
    if row is None:
        return "it ended just now"
    parts = [f"pid {row['pid']}"]
    if row["application"]:
        parts.append(f"application {row['application']}")
    if row.get("statement"):
        parts.append(f"statement {row['statement']}")
    if row.get("state"):
        parts.append(row["state"])
    seconds = row["seconds"]
    return ", ".join(parts) + (f", for {seconds:.0f} s" if seconds is not None else "")
