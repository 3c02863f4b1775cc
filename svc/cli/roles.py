"""`cabinet roles`: the SQL with which a DBA creates the two roles."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import click

from svc.cli.environment import DATABASE_OPTIONS, EMBEDDING_OPTIONS, settings_options
from svc.cli.output import echo, echo_lines
from svc.cli.sections import Command
from svc.database.session_check import required
from svc.database.session_settings import session_settings
from svc.database.statements import load_statements
from svc.embedded.server import DATABASE
from svc.migrations.roles import GRANTS, SETTINGS, SETUP, fill_names, set_in_database
from svc.resources import resource_folder
from svc.settings import Settings


@click.command(cls=Command)
@click.option("--owner", default="cabinet_owner", show_default=True, help="Role that migrates and builds indexes.")
@click.option("--schema", default="public", show_default=True, help="Schema of the tables.")
@click.option("--grants", is_flag=True, help="Print the grants on tables, which `cabinet migrate apply` runs itself.")
@settings_options("statement_timeout_s", *DATABASE_OPTIONS, *EMBEDDING_OPTIONS)
def roles(settings: Settings, owner: str, schema: str, grants: bool) -> None:
    """Print the SQL that creates the roles of the service and the owner, for a superuser to review and run.

    The command itself changes nothing. Run the SQL in the database of DATABASE_URL.
    """
    statements = load_statements(resource_folder("sql"))
    names = {
        "owner_role": owner, "service_role": settings.service_role, "schema_name": schema,
        "database_name": _database_name(settings),
    }  # fmt: skip
    for name in GRANTS.values() if grants else SETUP:
        echo_lines(fill_names(statements[name].text, **names))
        echo()
    if not grants:
        session = required(session_settings(settings))
        echo_lines(set_in_database(statements[SETTINGS], session, **names))
    if settings.rls and not grants:
        echo()
        echo_lines(statements["policies/leakproof"].text)


def _database_name(settings: Settings) -> str:
    if settings.database_url is None:
        return DATABASE
    return unquote(urlsplit(settings.database_url.get_secret_value()).path.removeprefix("/")) or DATABASE
