"""Turns row level security on and off: `cabinet rls`. The policies are in `sql/policies/protect.sql`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svc.database.connecting import disconnect
from svc.database.policies import MAX_TABLES, is_protected, unprotected
from svc.database.rows import PoliciesTables
from svc.database.statements import Statement, load_statements
from svc.errors import StartupError
from svc.migrations.session import connect, migrating
from svc.migrations.steps import policies_step
from svc.resources import resource_folder
from svc.settings.database import DatabaseSettings

# Seconds for a statement that only reads.
_ANSWER_S = 30.0


async def tenant_tables(connection: Any, statements: Mapping[str, Statement]) -> list[PoliciesTables]:
    """The rows of `policies/tables`."""
    rows: list[PoliciesTables] = await connection.fetch(
        statements["policies/tables"].text, MAX_TABLES, record_class=PoliciesTables
    )
    return rows


async def logged_in_as_superuser(connection: Any, statements: Mapping[str, Statement]) -> bool:
    """Whether this login is a superuser."""
    role = await connection.fetchrow(statements["server/role"].text)
    return bool(role["is_superuser"])


async def protected_tables(url: str) -> dict[str, bool]:
    """The tables with rows of users, and whether row level security protects each.

    Raises:
        StartupError: the database does not answer.
    """
    connection = await connect(url, statement_s=_ANSWER_S)
    try:
        rows = await tenant_tables(connection, load_statements(resource_folder("sql")))
    finally:
        await disconnect(connection)
    return {row.table_name: is_protected(row) for row in rows}


async def set_row_security(settings: DatabaseSettings, url: str, *, is_on: bool) -> list[str]:
    """Turn row level security on or off for all tables with rows of users, in one transaction; returns their names.

    `url` is the owner's.

    Raises:
        StartupError: the schema is missing, a table has further policies, or the locks were not granted in time.
    """
    statements = load_statements(resource_folder("sql"))
    async with migrating(url, statements, settings.migration_wait_s) as session:
        before = await tenant_tables(session.connection, statements)
        if not before:
            raise StartupError("The database has no tables yet; run: cabinet migrate apply")
        is_superuser = is_on and await logged_in_as_superuser(session.connection, statements)
        await session.run(policies_step(statements, protects=is_on, is_superuser=is_superuser))
        after = await tenant_tables(session.connection, statements)
    if is_on and (names := unprotected(after)):
        raise StartupError(
            f"The tables {', '.join(names)} have other policies, which allow more than Cabinet's; drop them."
        )
    return [row.table_name for row in after]
