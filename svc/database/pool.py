"""The connection pool: lends connections to tasks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from prometheus_client import Gauge

from svc import metrics
from svc.database.deadline import allowed_s, check_budget, spend
from svc.database.failures import classify, sqlstate
from svc.database.guard import mark_held, unmark_held
from svc.database.shares import Places, Shares
from svc.errors import DatabaseUnavailableError

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 3.0
# After this number of loans, the connection goes back to asyncpg's pool, which replaces connections that have run many
# statements and closes idle ones.
_LOANS_KEPT = 1000
# A connection that was idle for longer must answer before it is used, because a network can drop it silently.
_TRUSTED_S = 5.0
_PING_S = 2.0
# Seconds for the end of a failed loan: the cancellation of its statement, its rollback and its release.
_RETIRE_S = 2.0

Undo = Callable[[], Awaitable[None]]


class Pool:
    """Connections to one database. Lends one at a time to a task and marks the task as holding it.

    Returned connections are kept here and lent again, because asyncpg's pool starts a task for each acquire and each
    release, which costs more than a short statement. A connection goes back to asyncpg's pool, which opens, replaces
    and closes connections, if a task is waiting there, if the block failed, and at intervals.

    A task never waits for the return of its connection, which can take long on a broken network: a task of the pool
    does, for a limited time. A connection that cannot be returned is closed.
    """

    def __init__(
        self,
        pool: Any,
        acquire_timeout_s: float,
        statement_s: float,
        ping: str,
        shares: Shares | Places,
        *,
        has_row_security: bool = False,
    ) -> None:
        self._pool = pool
        self.has_row_security = has_row_security
        """Whether each statement has to name its tenant for the policies of the tables."""
        self.shares = shares
        self._acquire_timeout_s = acquire_timeout_s
        self._ping = ping
        self.statement_s = statement_s
        """The time limit of a statement in this process. The server's own is a little shorter."""
        self._kept: list[Any] = []
        # By asyncpg's connections; one that is missing here is new.
        self._returned_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._retiring: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._loans = 0
        self._is_closing = False

    def connection(self, *, can_wait: bool = False) -> Loan:
        """Lend a connection for the duration of an `async with` block; `can_wait`: its statements can wait for locks.

        Raises:
            TooManyAtOnceError, ConnectionsBusyError: none became free in time.
            DatabaseUnavailableError: no new one could be opened.
        """
        return Loan(self, can_wait=can_wait)

    async def take(self) -> Any:
        """Take a connection, for `Loan`; raises the errors of `connection`."""
        check_budget()
        started = time.perf_counter()
        try:
            while True:
                connection = self._kept_one() or await self._acquire()
                returned_at = self._returned_at.get(connection._con)
                if returned_at is None or time.monotonic() - returned_at < _TRUSTED_S:
                    return connection
                if await self._answers(connection):
                    return connection
                # The network has also dropped the others.
                self._cut_off_idle()
        finally:
            waited_s = time.perf_counter() - started
            spend(waited_s)
            metrics.pool_wait_seconds.observe(waited_s)

    def _kept_one(self) -> Any:
        while self._kept:
            connection = self._kept.pop()
            if _is_open(connection):
                return connection
            self._retire(connection)
        return None

    def _cut_off_idle(self) -> None:
        while self._kept:
            _cut_off(self._kept.pop())
        # asyncpg has no public access to its idle connections.
        for holder in self._pool._holders:
            if holder.is_idle():
                holder.terminate()

    async def _answers(self, connection: Any) -> bool:
        try:
            await connection.fetchval(self._ping, timeout=allowed_s(_PING_S))
        except Exception as error:
            _cut_off(connection)
            if classify(error, "(ping)") is None:
                raise
            return False
        except BaseException:
            _cut_off(connection)
            raise
        return True

    async def _acquire(self) -> Any:
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=allowed_s(self._acquire_timeout_s))
        except TimeoutError:
            if self._pool.get_size() < self._pool.get_max_size():
                raise DatabaseUnavailableError("the database does not answer", retry_after_s=2) from None
            raise DatabaseUnavailableError(
                "all database connections are busy; try again in a moment", retry_after_s=1
            ) from None
        except asyncpg.PostgresError as error:
            # The request is not the server's reason for refusing the connection.
            logger.warning("the database refused a connection: %s %s", sqlstate(error), error)
            raise DatabaseUnavailableError(
                "the database does not accept connections at the moment", retry_after_s=2
            ) from error
        except Exception as error:
            translated = classify(error, "(connect)")
            if translated is None:
                raise
            raise translated from error
        finally:
            self._waiting -= 1

    def give_back(self, connection: Any, *, is_sound: bool, undo: Undo | None = None) -> None:
        """Return a connection to the pool; `is_sound`: its block ended without an error. `undo` has not run yet."""
        self._loans += 1
        if is_sound and _is_open(connection):
            self._returned_at[connection._con] = time.monotonic()
        if is_sound and undo is None and not (self._waiting or self._is_closing or self._loans % _LOANS_KEPT == 0):
            self._kept.append(connection)
        else:
            self._retire(connection, undo)

    def _retire(self, connection: Any, undo: Undo | None = None) -> None:
        # In a separate context, so that it does not inherit the connection and the budget of a request.
        task = asyncio.create_task(self._return(connection, undo), context=contextvars.Context())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _return(self, connection: Any, undo: Undo | None) -> None:
        try:
            if undo is not None and _is_open(connection):
                async with asyncio.timeout(_RETIRE_S):
                    await undo()
            await self._pool.release(connection, timeout=_RETIRE_S)
        except Exception as error:
            _cut_off(connection)
            if classify(error, "(release)") is None:
                raise
        except BaseException:
            _cut_off(connection)
            raise

    @property
    def busy_count(self) -> int:
        """The number of connections that are currently lent."""
        return int(self._pool.get_size()) - int(self._pool.get_idle_size()) - len(self._kept)

    def observe(self, gauge: Gauge = metrics.pool_connections) -> None:
        """Set a gauge to the numbers of connections by state."""
        gauge.labels("idle").set(self._pool.get_size() - self.busy_count)
        gauge.labels("busy").set(self.busy_count)
        gauge.labels("limit").set(self._pool.get_max_size())

    async def close(self) -> None:
        """Close all connections; those still in use after `CLOSE_TIMEOUT_S` are terminated."""
        self._is_closing = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._kept:
                    self._retire(self._kept.pop())
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()
        if self._retiring:
            # They end at once, because their connections are closed.
            await asyncio.wait(self._retiring, timeout=_RETIRE_S)


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # asyncpg has detected that it is closed, and has already reclaimed it.
        return False


def _cut_off(connection: Any) -> None:
    # asyncpg may have already reclaimed it.
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


class Loan:
    """One connection for the duration of an `async with` block.

    `undo`, if the block leaves it set, is run before the connection is lent again: the rollback of a transaction.
    """

    __slots__ = ("_can_wait", "_connection", "_mark", "_pool", "_turn", "undo")

    def __init__(self, pool: Pool, *, can_wait: bool) -> None:
        self._pool = pool
        self._can_wait = can_wait
        self.undo: Undo | None = None

    async def __aenter__(self) -> Any:
        """Take a connection; raises the errors of `Pool.connection`."""
        self._turn = await self._pool.shares.enter(can_wait=self._can_wait)
        try:
            self._connection = await self._pool.take()
        except BaseException:
            self._pool.shares.leave(self._turn)
            raise
        self._mark = mark_held()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, _error: Any, _traceback: Any) -> None:
        """Return the connection, without waiting for anything."""
        unmark_held(self._mark)
        self._pool.give_back(self._connection, is_sound=kind is None, undo=self.undo)
        self._pool.shares.leave(self._turn)
