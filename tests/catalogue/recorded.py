"""The statements of this checkout and their callers, which are read once."""

from __future__ import annotations

from functools import cache

from svc.app import all_endpoints
from svc.catalogue.callers import Callers, caller_named, recorded_callers
from svc.database.statements import Statement, load_statements
from svc.resources import resource_folder


@cache
def all_statements() -> dict[str, Statement]:
    """Every statement."""
    return load_statements(resource_folder("sql"))


@cache
def callers() -> Callers:
    """The callers of each statement."""
    return recorded_callers()


def statements_of_routes() -> dict[str, set[str]]:
    """The names of the statements that each route runs, by `GET /users/{user_id}` and the like."""
    names = [f"{endpoint.method} {endpoint.path}" for endpoint in all_endpoints()]
    return {name: set(callers().statements.get(caller_named(name), ())) for name in names}
