"""Migrates a database to the schema of this release: `migrations/` has the versioned steps, `sql/ddl/` the vectors.

One process migrates at a time, under a session-level advisory lock, which ends with the session: a process that is
killed leaves nothing running and nothing locked. A migration and its entry in the log are one transaction. All
statements are planned first; `cabinet migrate plan` prints the plan.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from svc.database.connecting import disconnect
from svc.database.policies import unprotected
from svc.database.rows import ServerAppliedMigrations
from svc.database.statements import load_statements
from svc.errors import StartupError
from svc.migrations.files import Migration, edited_migrations, read_migrations
from svc.migrations.policies import logged_in_as_superuser, tenant_tables
from svc.migrations.roles import wanted_grants
from svc.migrations.session import OWNER_WANTED, connect, migrating
from svc.migrations.steps import (
    VECTOR_DDL,
    MigrationStep,
    Statements,
    apply_step,
    grants_step,
    log_step,
    policies_step,
    rollback_step,
    script,
    vectors_step,
)
from svc.resources import resource_folder
from svc.settings.database import DatabaseSettings
from svc.settings.model import LOCAL_MODEL

logger = logging.getLogger(__name__)

# Seconds for a statement that only reads; those that migrate have no limit.
_ANSWER_S = 30.0

State = Literal["applied", "missing", "edited", "unknown"]


@dataclass(frozen=True)
class MigrationState:
    """One migration and the time at which it was applied (UTC), or None.

    `edited`: the file has changed since then. `unknown`: this release has no such file.
    """

    id: str
    applied_at: datetime | None
    state: State


async def apply_migrations(settings: DatabaseSettings, url: str) -> list[str]:
    """Apply missing migrations, create the tables of vectors and record the model; returns the ids, oldest first.

    `url` is the owner's. The service's role, if it exists, gets the privileges that it needs.

    Raises:
        StartupError: the database is unsuitable, contains vectors of another model, has an edited or unknown migration,
            or did not grant the locks in time.
    """
    statements = load_statements(resource_folder("sql"))
    async with migrating(url, statements, settings.migration_wait_s) as session:
        steps = await _apply_steps(session.connection, statements, settings)
        for step in steps:
            await session.run(step)
            if step.migration is not None:
                logger.info("applied migration %s", step.migration)
    return _ids(steps)


async def rollback_migrations(settings: DatabaseSettings, url: str, count: int) -> list[str]:
    """Roll back the newest `count` migrations and delete their data; returns the ids, newest first.

    Raises:
        StartupError: the database is unsuitable, has an unknown migration, or did not grant the locks in time.
    """
    statements = load_statements(resource_folder("sql"))
    async with migrating(url, statements, settings.migration_wait_s) as session:
        steps = await _rollback_steps(session.connection, statements, count)
        for step in steps:
            await session.run(step)
            logger.info("rolled back migration %s", step.migration)
    return _ids(steps)


async def migration_script(settings: DatabaseSettings, url: str, rollback: int = 0) -> str:
    """Returns the statements of `apply_migrations`, or of a rollback of `rollback` migrations, as a psql script.

    Raises:
        StartupError: see `apply_migrations` and `rollback_migrations`.
    """
    statements = load_statements(resource_folder("sql"))
    connection = await connect(url, statement_s=_ANSWER_S)
    try:
        if rollback:
            steps = await _rollback_steps(connection, statements, rollback)
        else:
            steps = await _apply_steps(connection, statements, settings)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(f"This login may not migrate: {error}. {OWNER_WANTED}") from error
    finally:
        await disconnect(connection)
    return script(steps, statements, settings)


async def migration_states(url: str) -> list[MigrationState]:
    """All migrations of this release and of the database, oldest first."""
    statements = load_statements(resource_folder("sql"))
    connection = await connect(url, statement_s=_ANSWER_S)
    try:
        return _states(read_migrations(), await _applied(connection, statements))
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(
            f"The role of DATABASE_URL may not read the migrations: {error}. Run cabinet migrate apply as the owner, "
            "with CABINET_SERVICE_ROLE naming this role; `cabinet roles` prints the SQL that creates both."
        ) from error
    finally:
        await disconnect(connection)


def check_model(settings: DatabaseSettings, row: Any) -> None:
    """Compare the recorded model (`model`, `dimensions`; None if none is recorded) with the settings.

    Raises:
        StartupError: they differ, so new vectors could not be compared with the stored ones.
    """
    if row is None:
        raise StartupError("The database has no recorded embedding model; run: cabinet migrate apply")
    stored, wanted = (row["model"], row["dimensions"]), (settings.model, settings.dimensions)
    if stored != wanted:
        stored_settings = (
            "CABINET_EMBEDDING_PROVIDER=local"
            if stored[0] == LOCAL_MODEL
            else f"CABINET_EMBEDDING_MODEL={stored[0]}, CABINET_EMBEDDING_DIMENSIONS={stored[1]}, and the "
            "OPENAI_API_KEY or OPENAI_BASE_URL that it was used with"
        )
        raise StartupError(
            f"The database contains vectors of {stored[0]} with {stored[1]} dimensions, but the settings select "
            f"{wanted[0]} with {wanted[1]}. Their vectors cannot be compared. Continue with the stored model "
            f"({stored_settings}), or use another database for the new model (another DATABASE_URL or "
            "CABINET_DATA_DIR) and upload the documents there."
        )


async def _applied(connection: Any, statements: Statements) -> dict[str, ServerAppliedMigrations]:
    """The rows of `server/applied_migrations` by id."""
    try:
        rows = await connection.fetch(
            statements["server/applied_migrations"].text, record_class=ServerAppliedMigrations
        )
    except asyncpg.UndefinedTableError:
        return {}
    return {row.id: row for row in rows}


def _states(migrations: Sequence[Migration], applied: dict[str, ServerAppliedMigrations]) -> list[MigrationState]:
    known = {migration.id for migration in migrations}
    edited = set(edited_migrations(applied.values()))
    states = [MigrationState(name, None, "missing") for name in known - set(applied)]
    for name, row in applied.items():
        state: State = "unknown" if name not in known else "edited" if name in edited else "applied"
        states.append(MigrationState(name, row.applied_at, state))
    return sorted(states, key=lambda state: state.id)


def _check_known(states: Sequence[MigrationState]) -> None:
    unknown = [state.id for state in states if state.state == "unknown"]
    if unknown:
        raise StartupError(
            f"The database has migrations that this release does not know: {', '.join(unknown)}. A newer release has "
            "migrated it. Use that release, or roll them back with it first (cabinet migrate rollback)."
        )


def _check_unchanged(states: Sequence[MigrationState], known: dict[str, Migration]) -> None:
    for state in states:
        if state.state == "edited":
            raise StartupError(
                f"Migration {state.id} was edited after it was applied to this database, so the schema may differ. "
                f"Restore {known[state.id].path}, and put the change into a new migration."
            )


async def _apply_steps(connection: Any, statements: Statements, settings: DatabaseSettings) -> list[MigrationStep]:
    known = {migration.id: migration for migration in read_migrations()}
    applied = await _applied(connection, statements)
    states = _states(list(known.values()), applied)
    _check_known(states)
    _check_unchanged(states, known)
    steps = [] if applied or await _exists(connection, statements, "schema_migrations") else [log_step(statements)]
    steps += [apply_step(migration, statements) for name, migration in known.items() if name not in applied]
    steps += await _vector_steps(connection, statements, settings)
    if await _wants_policies(connection, statements, settings.rls, has_steps=bool(steps)):
        is_superuser = await logged_in_as_superuser(connection, statements)
        steps.append(policies_step(statements, protects=True, is_superuser=is_superuser))
    if grants := await wanted_grants(connection, statements, settings.service_role):
        steps.append(grants_step(settings.service_role, grants, statements))
    return steps


async def _wants_policies(connection: Any, statements: Statements, is_on: bool, *, has_steps: bool) -> bool:
    """Whether tables lack a policy, or could after the steps. Policies are maintained even without the setting; only
    `cabinet rls off` drops them."""
    rows = await tenant_tables(connection, statements)
    is_wanted = is_on or any(row.has_policy for row in rows)
    return is_wanted and (has_steps or bool(unprotected(rows)))


async def _vector_steps(connection: Any, statements: Statements, settings: DatabaseSettings) -> list[MigrationStep]:
    try:
        model = await connection.fetchrow(statements["server/current_model"].text)
    except asyncpg.UndefinedTableError:
        model = None
    if model is not None:
        check_model(settings, model)
    # Checked first: even `if not exists` would lock the table, and starting must not wait for searches.
    missing = [table for table in VECTOR_DDL if not await _exists(connection, statements, table)]
    if model is not None and not missing:
        return []
    return [vectors_step(settings, model is None, missing, statements)]


async def _rollback_steps(connection: Any, statements: Statements, count: int) -> list[MigrationStep]:
    migrations = read_migrations()
    applied = await _applied(connection, statements)
    _check_known(_states(migrations, applied))
    newest = [migration for migration in migrations if migration.id in applied][::-1][:count]
    return [rollback_step(migration, statements) for migration in newest]


async def _exists(connection: Any, statements: Statements, table: str) -> bool:
    return bool(await connection.fetch(statements["server/table_columns"].text, table))


def _ids(steps: Sequence[MigrationStep]) -> list[str]:
    return [step.migration for step in steps if step.migration is not None]
