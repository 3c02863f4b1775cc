"""The pool of connections: how each is set up, and how one is lent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
from pgvector import HalfVector

from svc import metrics
from svc.database.failures import classify, sqlstate
from svc.database.guard import connection_held
from svc.database.statements import Statement
from svc.errors import DatabaseUnavailableError, StartupError
from svc.settings import Settings

logger = logging.getLogger(__name__)

# The first byte of a binary jsonb value is the version of its format, 1 since PostgreSQL 9.4.
_JSONB_VERSION = b"\x01"
CLOSE_TIMEOUT_S = 5.0


class Pool:
    """Connections to one database. Lends one at a time to a task and marks the task as holding it."""

    def __init__(self, pool: Any, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend a connection for the length of the block.

        Raises:
            DatabaseUnavailableError: none came free within `acquire_timeout_s`, or no new one could be opened.
        """
        started = time.perf_counter()
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
        metrics.pool_wait_seconds.observe(time.perf_counter() - started)
        try:
            with connection_held():
                yield connection
        finally:
            await self._pool.release(connection)

    def observe(self) -> None:
        """Set the gauges of the pool to what holds now."""
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        metrics.pool_connections.labels("idle").set(idle)
        metrics.pool_connections.labels("busy").set(size - idle)
        metrics.pool_connections.labels("limit").set(self._pool.get_max_size())

    async def close(self) -> None:
        """Close every connection, those in use after at most `CLOSE_TIMEOUT_S`."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=CLOSE_TIMEOUT_S)
        except TimeoutError:
            self._pool.terminate()


async def open_pool(settings: Settings, url: str, vector_schema: Statement) -> Pool:
    """Open the pool on the database at `url`; `vector_schema` as for `connection_preparer`.

    Raises:
        StartupError: the database does not answer, refuses the login, or has no pgvector.
    """
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
            server_settings=session_settings(settings),
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
        raise StartupError(f"The database of DATABASE_URL cannot be used: {error}") from error
    return Pool(pool, settings.acquire_timeout_s)


def session_settings(settings: Settings) -> dict[str, str]:
    """What every connection is opened with; nothing changes them afterwards, so no connection needs a reset."""
    return {
        "application_name": "cabinet",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        "jit": "off",
        # A generic plan cannot know how large this tenant is, nor which of the optional filters are set.
        "plan_cache_mode": "force_custom_plan",
        # Without it an HNSW scan stops after ef_search rows, whatever a filter leaves of them. Relaxed, because the
        # statements sort what they get: in strict order what comes out of turn would be thrown away.
        "hnsw.iterative_scan": "relaxed_order",
        # As many as the index lane compares exactly for up to sixteen results.
        "hnsw.ef_search": "80",
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
