"""The two roles: the owner of the schema, who migrates and builds indexes, and the one as whom the service connects.

The service's role owns nothing and is no superuser. What it may do stands in `sql/roles/`: rights on tables exactly as
the statements need them, granted by the owner at the end of every migration.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import asyncpg

from svc.database.queries import Database
from svc.database.rows import ServerRole
from svc.database.statements import Statement
from svc.errors import StartupError

logger = logging.getLogger(__name__)

# What a superuser runs once on a database, in this order.
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
"""What makes a connection's settings hold behind a pooler that drops them; the last of what a superuser runs."""
# What the owner runs whenever the tables have changed, by privilege.
GRANTS = {
    "select": "roles/grant_select",
    "insert": "roles/grant_insert",
    "update": "roles/grant_update",
    "delete": "roles/grant_delete",
}

_TABLES = re.compile(r"^grant \w+ on\s+(?P<tables>[a-z_,\s]+?)\s+to :service_role;$")
_ADVICE = "`cabinet roles` prints the SQL for a role that may read and write rows, and nothing else"


def fill_names(text: str, **names: str) -> str:
    """SQL with a quoted name for each placeholder, such as `:service_role` for `service_role`."""
    for placeholder, name in names.items():
        quoted = name.replace('"', '""')
        text = text.replace(f":{placeholder}", f'"{quoted}"')
    return text


def set_in_database(statement: Statement, session: Mapping[str, str], **names: str) -> str:
    """The SQL that sets what the connections of a role are set to, by `roles/set_in_database`: a line a setting, below
    the statement's header. Names and values of settings are the service's own."""
    header, body = statement.text[: statement.text.index(statement.body)], statement.body
    lines = (body.replace(":setting", name).replace(":value", f"'{value}'") for name, value in session.items())
    return fill_names(header + "\n".join(line.strip() for line in lines) + "\n", **names)


async def make_service_role(connection: Any, statements: Mapping[str, Statement], role: str) -> None:
    """Make the role of the service on the embedded server, where it is not there yet."""
    if not await connection.fetchval(statements["server/role_exists"].text, role):
        try:
            await connection.execute(fill_names(statements["roles/create_service"].text, service_role=role))
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            logger.debug("another process made the role first")


async def wanted_grants(connection: Any, statements: Mapping[str, Statement], role: str) -> list[str]:
    """The names of the statements that grant the role what it lacks of the tables, or of tables that are not there yet;
    none where there is no such role."""
    if not await connection.fetchval(statements["server/role_exists"].text, role):
        return []
    wanted = []
    for privilege, name in GRANTS.items():
        rights = await connection.fetch(
            statements["server/table_rights"].text, role, privilege, _granted_tables(statements[name])
        )
        if not all(row["is_there"] and row["is_granted"] for row in rights):
            wanted.append(name)
    return wanted


async def check_role(database: Database) -> None:
    """Say in the log as whom the service is connected; a warning where that is more than it needs.

    Raises:
        StartupError: the role lacks a right that a statement needs.
    """
    role = await database.one("server/role")
    assert role is not None
    lacking = await _lacking_rights(database, role.name)
    if lacking:
        raise StartupError(
            f"The role {role.name} may not {'; nor '.join(lacking)}. Run cabinet migrate apply as the owner, with "
            f"CABINET_SERVICE_ROLE={role.name}; or {_ADVICE}."
        )
    powers = _powers(role)
    if powers:
        logger.warning("connected as %s, %s, more than the service needs: %s", role.name, powers, _ADVICE)
    else:
        logger.info("connected as %s: no superuser, owns no table, has the rights that the statements need", role.name)


async def _lacking_rights(database: Database, role: str) -> list[str]:
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
    powers = [f"who owns {role.owned} table(s)"] if role.owned else []
    powers += ["who may make roles"] if role.makes_roles else []
    powers += ["who may make databases"] if role.makes_databases else []
    return " and ".join(powers)


def _granted_tables(statement: Statement) -> list[str]:
    match = _TABLES.match(statement.body)
    if match is None:
        raise StartupError(f"{statement.path}:1: the body reads: grant privilege on table, … to :service_role;")
    return [table.strip() for table in match["tables"].split(",")]
