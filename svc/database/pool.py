"""The connection pool: sets up connections and lends them to tasks."""

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
# Every so many loans, the connection goes back to asyncpg's pool, which replaces connections that have run many
# statements and closes idle ones.
_LOANS_KEPT = 1000


class Pool:
    """Connections to one database. Lends one at a time to a task and marks the task as holding it.

    Returned connections are kept here and lent again, because asyncpg's pool starts a task for each acquire and each
    release, which costs more than a short statement. A connection goes back to asyncpg's pool, which opens, replaces
    and closes connections, if a task is waiting there, if the block failed, and at intervals.
    """

    def __init__(self, pool: Any, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s
        self._kept: list[Any] = []
        self._waiting = 0
        self._loans = 0
        self._is_closing = False

    def connection(self) -> Loan:
        """Lend a connection for the duration of an `async with` block.

        Raises:
            DatabaseUnavailableError: none became free within `acquire_timeout_s`, or no new one could be opened.
        """
        return Loan(self)

    async def take(self) -> Any:
        """Take a connection, for `Loan`; raises the errors of `connection`."""
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
                "all database connections are busy; try again in a moment", retry_after_s=1
            ) from None
        except asyncpg.PostgresError as error:
            # Whatever the server's reason to refuse the connection, the request is not the cause.
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
        metrics.pool_wait_seconds.observe(time.perf_counter() - started)
        return connection

    async def give_back(self, connection: Any, *, is_sound: bool) -> None:
        """Return a connection to the pool; `is_sound`: its block ended without an error."""
        self._loans += 1
        if self._waiting or self._is_closing or not is_sound or self._loans % _LOANS_KEPT == 0:
            await self._pool.release(connection)
        else:
            self._kept.append(connection)

    @property
    def busy_count(self) -> int:
        """The number of connections that are currently lent."""
        return int(self._pool.get_size()) - int(self._pool.get_idle_size()) - len(self._kept)

    def observe(self) -> None:
        """Set the gauges of the pool to their current values."""
        metrics.pool_connections.labels("idle").set(self._pool.get_size() - self.busy_count)
        metrics.pool_connections.labels("busy").set(self.busy_count)
        metrics.pool_connections.labels("limit").set(self._pool.get_max_size())

    async def close(self) -> None:
        """Close all connections; those still in use after `CLOSE_TIMEOUT_S` are terminated."""
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
        # asyncpg has noticed that it is closed, and has already taken it back.
        return False


class Loan:
    """One connection for the duration of an `async with` block."""

    __slots__ = ("_connection", "_mark", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Any:
        """Take a connection; raises the errors of `Pool.connection`."""
        self._connection = await self._pool.take()
        self._mark = mark_held()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, _error: Any, _traceback: Any) -> None:
        """Return the connection."""
        unmark_held(self._mark)
        await self._pool.give_back(self._connection, is_sound=kind is None)


async def open_pool(
    settings: DatabaseSettings, url: str, vector_schema: Statement, session: Mapping[str, str] | None = None
) -> Pool:
    """Open a pool on the database at `url`.

    `vector_schema` is the statement for `connection_preparer`. `session` replaces `session_settings`.

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
            # statement_timeout makes the server cancel a statement. This is for a server that no longer answers.
            command_timeout=settings.statement_timeout_s + 5,
            init=connection_preparer(vector_schema),
            reset=_keep_session,
            server_settings=dict(session),
        )
    except NOT_CONNECTED as error:
        raise cannot_connect(url, error, session) from error
    return Pool(pool, settings.acquire_timeout_s)


def session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """The settings of every connection. Nothing changes them afterwards, so connections need no reset."""
    return {
        "application_name": "cabinet",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        "jit": "off",
        # A search takes milliseconds. Starting parallel workers costs more than they save.
        "max_parallel_workers_per_gather": "0",
        # A generic plan depends neither on the size of the tenant nor on which optional filters are set.
        "plan_cache_mode": "force_custom_plan",
        # Without it, an HNSW scan stops after ef_search rows, however few of them pass a filter. Relaxed order suffices
        # because the statements sort the rows; strict order would discard rows that are found out of order.
        "hnsw.iterative_scan": "relaxed_order",
        # The number of candidates of the index lane for a search with few results.
        "hnsw.ef_search": str(index_candidates(settings.dimensions)),
        "hnsw.max_scan_tuples": "200000",
    }


def connection_preparer(vector_schema: Statement) -> Callable[[Any], Awaitable[None]]:
    """Returns the function that sets the codecs of a new connection.

    jsonb becomes JSON values, halfvec arrays of numbers, and bit strings bytes, all in the binary format.
    `vector_schema` is the statement that returns the schema of the extension, which the administrator chooses.
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
    # The binary format is the number of bits, then the bits.
    return (8 * len(value)).to_bytes(4, "big") + value


def _decode_bits(value: bytes) -> bytes:
    return bytes(value[4:])


def _encode_halfvec(value: Any) -> bytes:
    return bytes((value if isinstance(value, HalfVector) else HalfVector(value)).to_binary())


async def _keep_session(_connection: Any) -> None:
    """Skip the reset, which takes 190 µs: no statement of Cabinet changes the state of its session."""
