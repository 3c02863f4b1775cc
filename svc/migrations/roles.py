"""The two roles: the owner of the schema, who migrates and builds indexes, and the role of the service.

The service's role owns nothing and is not a superuser. `sql/roles/` grants it exactly the privileges on tables that the
statements need; the owner runs these grants at the end of every migration.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import asyncpg

from svc.database.policies import MAX_TABLES, check_subject
from svc.database.queries import Database
from svc.database.rows import ServerRole, ServerTableRights
from svc.database.statements import Statement
from svc.errors import StartupError

logger = logging.getLogger(__name__)

# The statements that a superuser runs once on a database, in this order.
SETUP = (
    "roles/create_owner",
    "roles/create_service",
    "roles/extension",
    "roles/revoke_database",
    "roles/grant_database",
    "roles/revoke_schema",
    "roles/grant_schema_owner",
    "roles/grant_schema_service",
)
SETTINGS = "roles/set_in_database"
"""Sets a connection's settings for the role, for poolers that drop them; the last statement that a superuser runs."""
# The statements that the owner runs whenever the tables have changed, by privilege.
GRANTS = {
    "select": "roles/grant_select",
    "insert": "roles/grant_insert",
    "update": "roles/grant_update",
    "delete": "roles/grant_delete",
}

_TABLES = re.compile(r"^grant \w+ on\s+(?P<tables>[a-z_,\s]+?)\s+to :service_role;$")
_ADVICE = "`cabinet roles` prints the SQL for a role that may read and write rows, and nothing else"


def fill_names(text: str, **names: str) -> str:
    """Replace each placeholder in SQL, such as `:service_role`, by the quoted name."""
    for placeholder, name in names.items():
        quoted = name.replace('"', '""')
        text = text.replace(f":{placeholder}", f'"{quoted}"')
    return text


def set_in_database(statement: Statement, session: Mapping[str, str], **names: str) -> str:
    """Returns SQL with one `roles/set_in_database` for each setting of a session, below the statement's header.

    The names and values of the settings are constants of the service, so they are not quoted.
    """
    header, body = statement.text[: statement.text.index(statement.body)], statement.body
    lines = (body.replace(":setting", name).replace(":value", f"'{value}'") for name, value in session.items())
    return fill_names(header + "\n".join(line.strip() for line in lines) + "\n", **names)


async def create_service_role(connection: Any, statements: Mapping[str, Statement], role: str) -> None:
    """Create the service's role on the embedded server if it does not exist."""
    if not await connection.fetchval(statements["server/role_exists"].text, role):
        try:
            await connection.execute(fill_names(statements["roles/create_service"].text, service_role=role))
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            logger.debug("another process has created the role")


async def wanted_grants(connection: Any, statements: Mapping[str, Statement], role: str) -> list[str]:
    """The names of the statements that grant the role missing privileges; none if the role does not exist.

    A statement is also included if one of its tables does not exist yet.
    """
    if not await connection.fetchval(statements["server/role_exists"].text, role):
        return []
    wanted = []
    for privilege, name in GRANTS.items():
        tables = _granted_tables(statements[name])
        rights: list[ServerTableRights] = await connection.fetch(
            statements["server/table_rights"].text, role, privilege, tables, record_class=ServerTableRights
        )
        if not all(row.is_there and row.is_granted for row in rights):
            wanted.append(name)
    return wanted


async def check_role(database: Database) -> None:
    """Log the role of the service's connection, with a warning if it has more privileges than it needs.

    Raises:
        StartupError: the role lacks a privilege that a statement needs.
    """
    role = await database.one("server/role")
    assert role is not None
    lacking = await _missing_privileges(database, role.name)
    if lacking:
        raise StartupError(
            f"The role {role.name} lacks the privileges {'; '.join(lacking)}. Run cabinet migrate apply as the owner, "
            f"with CABINET_SERVICE_ROLE={role.name}; or {_ADVICE}."
        )
    if database.has_row_security:
        check_subject(await database.many("policies/tables", max_rows=MAX_TABLES), role.name)
    powers = _powers(role)
    if powers:
        logger.warning("connected as %s, %s, more than the service needs: %s", role.name, powers, _ADVICE)
    else:
        logger.info("connected as %s, which has only the privileges that the statements need", role.name)


async def _missing_privileges(database: Database, role: str) -> list[str]:
    lacking = []
    for privilege, name in GRANTS.items():
        tables = _granted_tables(database.statements[name])
        rows = await database.many("server/table_rights", role_name=role, privilege=privilege, tables=tables)
        if names := [row.table_name for row in rows if not row.is_granted]:
            lacking.append(f"{privilege} on {', '.join(names)}")
    return lacking


def _powers(role: ServerRole) -> str:
    if role.is_superuser:
        return "a superuser"
    powers = [f"which owns {role.owned} table(s)"] if role.owned else []
    powers += ["which can create roles"] if role.makes_roles else []
    powers += ["which can create databases"] if role.makes_databases else []
    return " and ".join(powers)


def _granted_tables(statement: Statement) -> list[str]:
    match = _TABLES.match(statement.body)
    if match is None:
        raise StartupError(f"{statement.path}:1: the body must be: grant privilege on table, … to :service_role;")
    return [table.strip() for table in match["tables"].split(",")]
