"""`cabinet sql`: the statements, for reviewers."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.syntax import Syntax

from svc.cli.baseline import baseline
from svc.cli.catalogue import list_statements, report
from svc.cli.explain import explain
from svc.cli.failing import fail
from svc.cli.output import echo_lines
from svc.database.statements import Statement, load_statements
from svc.errors import CabinetError, NotFoundError
from svc.resources import resource_folder


@click.group()
def sql() -> None:
    """Read the statements that Cabinet runs."""


sql.add_command(list_statements, "list")


@sql.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one statement, such as search/exact, as it is sent to the server.

    A header line `returns: as` with the name of another statement is followed by the columns in parentheses.
    """
    statement = _load().get(name.removesuffix(".sql"))
    if statement is None:
        fail(NotFoundError(f"there is no statement {name}; cabinet sql list shows all statements"))
    if sys.stdout.isatty():
        Console().print(Syntax(statement.expanded, "postgresql", background_color="default"))
    else:
        echo_lines(statement.expanded)


sql.add_command(explain)
sql.add_command(report)
sql.add_command(baseline)


def _load() -> dict[str, Statement]:
    try:
        return load_statements(resource_folder("sql"))
    except CabinetError as error:
        fail(error)
