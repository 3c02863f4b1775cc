"""The pool of connections: how each is set up, and how one is lent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import msgspec
from pgvector import HalfVector

from svc import metrics
from svc.database.connecting import NOT_CONNECTED, cannot_connect
from svc.database.failures import classify, sqlstate
from svc.database.guard import mark_held, unmark_held
from svc.database.statements import Statement
from svc.errors import DatabaseUnavailableError
from svc.settings.groups import DatabaseSettings
from svc.vectors.signatures import index_candidates

logger = logging.getLogger(__name__)

# The first byte of a binary jsonb value is the version of its format, 1 since PostgreSQL 9.4.
_JSONB_VERSION = b"\x01"
CLOSE_TIMEOUT_S = 5.0
# One loan in so many ends in asyncpg's pool, which replaces connections that have run many statements and closes those
# that are no longer needed.
_LOANS_KEPT = 1000


class Pool:
    """Connections to one database. Lends one at a time to a task and marks the task as holding it.

    What is given back is kept here and lent again: asyncpg starts a task for each connection that its pool takes back
    and one for each that it lends, which costs more than a short statement. A connection goes back to asyncpg's pool,
    which opens, replaces and closes them, when somebody waits there, when its block failed, and now and then.
    """

    def __init__(self, pool: Any, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s
        self._kept: list[Any] = []
        self._waiting = 0
        self._loans = 0
        self._is_closing = False

    def connection(self) -> Loan:
        """Lend a connection for the length of an `async with` block.

        Raises:
            DatabaseUnavailableError: none came free within `acquire_timeout_s`, or no new one could be opened.
        """
        return Loan(self)

    async def take(self) -> Any:
        """A connection, for `Loan`; raises as `connection` does."""
        while self._kept:
            connection = self._kept.pop()
            if _is_open(connection):
                metrics.pool_wait_seconds.observe(0)
                return connection
            await self._pool.release(connection)
        started = time.perf_counter()
        self._waiting += 1
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        except TimeoutError:
            raise DatabaseUnavailableError(
                "every database connection stayed busy; try again in a moment", retry_after_s=1
            ) from None
        except asyncpg.PostgresError as error:
            # Whatever the server's reason not to take a new connection, it is none of the request's.
            logger.warning("the database refuses a connection: %s %s", sqlstate(error), error)
            raise DatabaseUnavailableError("the database takes no connections now", retry_after_s=2) from error
        except Exception as error:
            translated = classify(error, "(connect)")
            if translated is None:
                raise
            raise translated from error
        finally:
            self._waiting -= 1
        metrics.pool_wait_seconds.observe(time.perf_counter() - started)
        return connection

    async def give_back(self, connection: Any, *, is_sound: bool) -> None:
        """Take back a connection that `take` gave; `is_sound`: its block ended without an error."""
        self._loans += 1
        if self._waiting or self._is_closing or not is_sound or self._loans % _LOANS_KEPT == 0:
            await self._pool.release(connection)
        else:
            self._kept.append(connection)

    @property
    def busy_count(self) -> int:
        """Connections that are lent now."""
        return int(self._pool.get_size()) - int(self._pool.get_idle_size()) - len(self._kept)

    def observe(self) -> None:
        """Set the gauges of the pool to what holds now."""
        metrics.pool_connections.labels("idle").set(self._pool.get_size() - self.busy_count)
        metrics.pool_connections.labels("busy").set(self.busy_count)
        metrics.pool_connections.labels("limit").set(self._pool.get_max_size())

    async def close(self) -> None:
        """Close every connection, those in use after at most `CLOSE_TIMEOUT_S`."""
        self._is_closing = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._kept:
                    await self._pool.release(self._kept.pop())
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # asyncpg noticed its end, and has taken it back already.
        return False


class Loan:
    """One connection for the length of an `async with` block."""

    __slots__ = ("_connection", "_mark", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Any:
        """Take a connection; raises as `Pool.connection` does."""
        self._connection = await self._pool.take()
        self._mark = mark_held()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, _error: Any, _traceback: Any) -> None:
        """Give it back."""
        unmark_held(self._mark)
        await self._pool.give_back(self._connection, is_sound=kind is None)


async def open_pool(
    settings: DatabaseSettings, url: str, vector_schema: Statement, session: Mapping[str, str] | None = None
) -> Pool:
    """Open the pool on the database at `url`; `vector_schema` as for `connection_preparer`, `session` what its
    connections are set to, in place of `session_settings`.

    Raises:
        StartupError: the database does not answer, refuses the login, or has no pgvector.
    """
    session = session_settings(settings) if session is None else session
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=settings.pool_min_size,
            max_size=settings.pool_size,
            timeout=settings.connect_timeout_s,
            # The server stops a statement by itself; this is for a server that no longer answers at all.
            command_timeout=settings.statement_timeout_s + 5,
            init=connection_preparer(vector_schema),
            reset=_keep_session,
            server_settings=dict(session),
        )
    except NOT_CONNECTED as error:
        raise cannot_connect(url, error, session) from error
    return Pool(pool, settings.acquire_timeout_s)


def session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """What every connection is opened with; nothing changes them afterwards, so no connection needs a reset."""
    return {
        "application_name": "cabinet",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        "jit": "off",
        # A search takes milliseconds. To start workers for it costs more than they save, and takes them from others.
        "max_parallel_workers_per_gather": "0",
        # A generic plan cannot know how large this tenant is, nor which of the optional filters are set.
        "plan_cache_mode": "force_custom_plan",
        # Without it an HNSW scan stops after ef_search rows, whatever a filter leaves of them. Relaxed, because the
        # statements sort what they get: in strict order what comes out of turn would be thrown away.
        "hnsw.iterative_scan": "relaxed_order",
        # As many as the index lane compares exactly for a search of few results.
        "hnsw.ef_search": str(index_candidates(settings.dimensions)),
        "hnsw.max_scan_tuples": "200000",
    }


def connection_preparer(vector_schema: Statement) -> Callable[[Any], Awaitable[None]]:
    """The function that teaches a new connection the types that asyncpg does not know.

    jsonb goes as JSON values, halfvec as arrays of numbers and bits as bytes of eight, all in binary. `vector_schema`
    is the statement that says where the extension lives, which is the administrator's choice.
    """

    async def prepare_connection(connection: Any) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
        )
        for bits in ("bit", "varbit"):
            await connection.set_type_codec(
                bits, schema="pg_catalog", encoder=_encode_bits, decoder=_decode_bits, format="binary"
            )
        schema = await connection.fetchval(vector_schema.text)
        if schema is not None:
            await connection.set_type_codec(
                "halfvec",
                schema=schema,
                encoder=_encode_halfvec,
                decoder=HalfVector.from_binary,
                format="binary",
            )

    return prepare_connection


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _decode_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(memoryview(value)[1:])


def _encode_bits(value: bytes) -> bytes:
    # The binary form is the number of bits, then the bits.
    return (8 * len(value)).to_bytes(4, "big") + value


def _decode_bits(value: bytes) -> bytes:
    return bytes(value[4:])


def _encode_halfvec(value: Any) -> bytes:
    return bytes((value if isinstance(value, HalfVector) else HalfVector(value)).to_binary())


async def _keep_session(_connection: Any) -> None:
    """No reset: no statement of Cabinet changes the state of its session (asyncpg's own reset costs 190 µs)."""
