"""Bringing a database to the schema of this release: yoyo for the versioned steps, `sql/ddl/` for the vectors.

Migrations run one process at a time, under an advisory lock that dies with its session. yoyo's own lock is a row
that outlives a killed process; under the advisory lock such a row can only be a leftover, and is removed.

A migration and the note that it was applied are one transaction. yoyo's own way takes two, and a process killed
between them leaves a migration that is there but not noted, at which every later attempt fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import psycopg
import yoyo

from svc.database.checksums import check_unchanged, note_checksums
from svc.database.roles import grant_rights
from svc.database.statements import Statement, load_statements
from svc.errors import StartupError
from svc.resources import resource_folder
from svc.settings import LOCAL_MODEL, Settings
from svc.signatures import signature_bits

logger = logging.getLogger(__name__)

# The tables of vectors, each with the files that make it, in this order.
_VECTOR_DDL = {
    "chunk_vectors": ("ddl/chunk_vectors", "ddl/chunk_vectors_signature_index"),
    "message_vectors": ("ddl/message_vectors",),
}
# Seconds between two looks whether another process has done migrating.
_LOCK_LOOK_S = 0.2
_OWNER_WANTED = "Give the login of the tables' owner in CABINET_OWNER_DATABASE_URL."
# A migration waits no longer for a lock: all who come after it would wait behind it.
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True)
class MigrationState:
    """One migration, and when the database took it (UTC); None while it has not."""

    id: str
    applied_at: datetime | None


async def apply_migrations(settings: Settings, url: str) -> list[str]:
    """Apply what is missing, make the tables of the vectors, record the model; the ids applied, oldest first.

    `url` is the owner's; the role of the service, where there is one, is granted what it needs of the tables.

    Raises:
        StartupError: the database cannot be used, holds another model's vectors, or has a migration that was edited.
    """
    async with _locked(url) as (connection, statements):
        await check_unchanged(connection, statements)
        applied = await asyncio.to_thread(_with_backend, url, _apply)
        await note_checksums(connection, statements, applied)
        await _make_vector_tables(connection, statements, settings)
        await grant_rights(connection, statements, settings.service_role)
    return applied


async def rollback_migrations(url: str, count: int) -> list[str]:
    """Undo the newest `count` migrations with what they hold; the ids undone, newest first."""
    async with _locked(url):
        return await asyncio.to_thread(_with_backend, url, lambda backend, files: _rollback(backend, files, count))


async def migration_states(url: str) -> list[MigrationState]:
    """Every migration of this release, oldest first, with when the database took it."""
    statements = load_statements(resource_folder("sql"))
    connection = await _connect(url)
    try:
        rows = await connection.fetch(statements["server/applied_migrations"].text)
    except asyncpg.UndefinedTableError:
        rows = []
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(
            f"The role of DATABASE_URL may not read the migrations: {error}. Run cabinet migrate apply as the owner, "
            "with CABINET_SERVICE_ROLE naming this role; `cabinet roles` prints the SQL that makes both."
        ) from error
    finally:
        await connection.close()
    applied = {row["migration_id"]: row["applied_at_utc"] for row in rows}
    return [MigrationState(name, applied.get(name)) for name in migration_ids()]


def migration_ids() -> list[str]:
    """Ids of the migrations that this release brings, oldest first."""
    return sorted(
        path.name.removesuffix(".sql")
        for path in resource_folder("migrations").glob("*.sql")
        if not path.name.endswith(".rollback.sql")
    )


def check_model(settings: Settings, row: Any) -> None:
    """Compare the recorded model (`model`, `dimensions`; None when none is) with the settings.

    Raises:
        StartupError: they differ, so new vectors could not be compared with the stored ones.
    """
    if row is None:
        raise StartupError("The database has no embedding model recorded; run: cabinet migrate apply")
    stored, wanted = (row["model"], row["dimensions"]), (settings.model, settings.dimensions)
    if stored != wanted:
        way_back = (
            "CABINET_EMBEDDING_PROVIDER=local"
            if stored[0] == LOCAL_MODEL
            else f"CABINET_EMBEDDING_MODEL={stored[0]}, CABINET_EMBEDDING_DIMENSIONS={stored[1]}, and the "
            "OPENAI_API_KEY or OPENAI_BASE_URL that it was used with"
        )
        raise StartupError(
            f"The database holds vectors of {stored[0]} with {stored[1]} dimensions, the settings say {wanted[0]} with "
            f"{wanted[1]}: they cannot be compared. Go on with the stored model ({way_back}), or give the new model a "
            "database of its own (another DATABASE_URL or CABINET_DATA_DIR) and upload the documents there."
        )


async def _connect(url: str) -> Any:
    try:
        return await asyncpg.connect(url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
        raise StartupError(f"The database of DATABASE_URL cannot be used: {error}") from error


@asynccontextmanager
async def _locked(url: str) -> AsyncIterator[tuple[Any, dict[str, Statement]]]:
    statements = load_statements(resource_folder("sql"))
    connection = await _connect(url)
    try:
        # Another process has it: there is nothing here to be woken by.
        while not await connection.fetchval(statements["server/lock_migrations"].text):  # noqa: ASYNC110
            await asyncio.sleep(_LOCK_LOOK_S)
        yield connection, statements
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(f"This login may not migrate: {error}. {_OWNER_WANTED}") from error
    finally:
        await connection.close()


def _with_backend(url: str, work: Callable[[Any, Any], list[str]]) -> list[str]:
    try:
        backend = yoyo.get_backend(_backend_url(url))
    except psycopg.Error as error:
        raise StartupError(f"The database of DATABASE_URL cannot be used: {error}") from error
    try:
        backend.break_lock()
        with backend.lock():
            return work(backend, yoyo.read_migrations(str(resource_folder("migrations"))))
    except psycopg.errors.UndefinedTable as error:
        # yoyo says nothing when it may not make its own tables, and then misses them.
        raise StartupError(f"This login may not create tables in its schema. {_OWNER_WANTED}") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise StartupError(f"This login may not migrate: {error}. {_OWNER_WANTED}") from error
    except psycopg.Error as error:
        raise StartupError(f"The database cannot be migrated: {error}") from error
    finally:
        backend.connection.close()


def _backend_url(url: str) -> str:
    parts = urlsplit(url)
    parameters = dict(parse_qsl(parts.query))
    parameters["options"] = f"{parameters.get('options', '')} -c lock_timeout={_LOCK_TIMEOUT}".strip()
    # yoyo names its psycopg 3 backend by the scheme.
    return urlunsplit(parts._replace(scheme="postgresql+psycopg", query=urlencode(parameters)))


def _apply(backend: Any, migrations: Any) -> list[str]:
    missing = list(backend.to_apply(migrations))
    for migration in missing:
        _run(backend, migration, "apply", backend.mark_one)
        logger.info("applied migration %s", migration.id)
    return [str(migration.id) for migration in missing]


def _rollback(backend: Any, migrations: Any, count: int) -> list[str]:
    newest = list(backend.to_rollback(migrations))[:count]
    for migration in newest:
        _run(backend, migration, "rollback", backend.unmark_one)
        logger.info("rolled back migration %s", migration.id)
    return [str(migration.id) for migration in newest]


def _run(backend: Any, migration: Any, direction: str, note: Callable[..., None]) -> None:
    try:
        migration.load()
        # One that says `-- transactional: false` (an index built concurrently) is noted right after it.
        with backend.transaction() if migration.use_transactions else nullcontext():
            migration.process_steps(backend, direction)
            note(migration, log=False)
    except psycopg.errors.LockNotAvailable as error:
        raise StartupError(
            f"Migration {migration.id} waited {_LOCK_TIMEOUT} for a lock that another session holds, and changed "
            f"nothing: {error}. Try again when that session is done."
        ) from error
    except psycopg.Error as error:
        raise StartupError(f"Migration {migration.id} failed, and changed nothing: {error}") from error


async def _make_vector_tables(connection: Any, statements: dict[str, Statement], settings: Settings) -> None:
    async with connection.transaction():
        await connection.execute(statements["server/record_model"].text, settings.model, settings.dimensions)
        check_model(settings, await connection.fetchrow(statements["server/current_model"].text))
        for table, files in _VECTOR_DDL.items():
            # Looked for first: even `if not exists` would lock the table, and a start must not wait for a search.
            if not await connection.fetch(statements["server/table_columns"].text, table):
                for name in files:
                    await connection.execute(fill_widths(statements[name].text, settings.dimensions))


def fill_widths(ddl: str, dimensions: int) -> str:
    """DDL with `:dimensions` and `:bits` filled in: the only substitutions there are, and only integers."""
    return ddl.replace(":dimensions", str(int(dimensions))).replace(":bits", str(signature_bits(dimensions)))
