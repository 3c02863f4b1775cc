"""Who runs what, as the catalogue finds it in the code of this checkout; read once."""

from __future__ import annotations

from functools import cache

from svc.app import all_endpoints
from svc.catalogue.callers import Callers, find_callers
from svc.cli.main import main
from svc.database.statements import Statement, load_statements
from svc.resources import resource_folder


@cache
def all_statements() -> dict[str, Statement]:
    """Every statement."""
    return load_statements(resource_folder("sql"))


@cache
def callers() -> Callers:
    """Who runs each statement."""
    return find_callers(list(all_statements()), all_endpoints(), main)


@cache
def statements_of_routes() -> dict[str, set[str]]:
    """The names of the statements that each route may run, by `GET /users/{user_id}` and the like."""
    found: dict[str, set[str]] = {f"{endpoint.method} {endpoint.path}": set() for endpoint in all_endpoints()}
    for name, those in callers().of.items():
        for caller in those:
            if caller.kind == "route":
                found[caller.name].add(name)
    return found
