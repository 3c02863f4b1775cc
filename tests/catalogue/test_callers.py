"""The recorded callers of statements, and the agreement of the record with the code."""

from __future__ import annotations

import ast

import pytest

from svc.app import all_endpoints, openai_endpoints
from svc.catalogue.callers import EVERY_COMMAND, EVERY_ROUTE, Caller, Callers, caller_named
from svc.cli.main import main
from tests.callers.commands import command_names
from tests.catalogue.recorded import all_statements, callers
from tests.sql.checker import ROOT

# Modules that contain the names of all statements, generated from their headers.
_GENERATED = {"svc/database/rows.py", "svc/database/calls.py"}


def unused(record: Callers) -> set[str]:
    # Templates that run before any statement, only under row level security, so they have no callers.
    return {name for name, one in all_statements().items() if one.shape != "template" and not record.of(name)}


def test_every_statement_has_a_caller() -> None:
    assert unused(callers()) == set(), "dead SQL: delete it, or test what runs it and run make record"


def test_a_statement_without_a_caller_is_found() -> None:
    others = {caller: [name for name in names if name != "users/get"] for caller, names in callers().statements.items()}

    assert unused(Callers(others)) == {"users/get"}


def test_every_statement_is_named_in_the_code() -> None:
    """The check reads only the code, so it detects the removal of the last call of a statement."""
    texts = set()
    for path in sorted((ROOT / "svc").rglob("*.py")):
        if path.relative_to(ROOT).as_posix() not in _GENERATED:
            texts |= {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    # Composed names: the code contains the folder, whose statements are listed.
    folders = {text for text in texts if isinstance(text, str) and text.endswith("/") and text[:-1].isidentifier()}

    assert {name for name in all_statements() if name not in texts and f"{name.partition('/')[0]}/" not in folders} - {
        f"server/create_database_{version}" for version in (16, 18)
    } == set()


def test_the_record_names_only_existing_callers() -> None:
    record = callers().statements
    routes = {f"{endpoint.method} {endpoint.path}" for endpoint in [*all_endpoints(), *openai_endpoints()]}

    assert {caller.name for caller in record if caller.kind == "route"} <= routes
    assert {caller.name for caller in record if caller.kind == "command"} <= command_names(main)
    assert {name for names in record.values() for name in names} <= all_statements().keys()


def test_every_route_with_a_key_looks_it_up() -> None:
    keyed = {Caller("route", f"{one.method} {one.path}") for one in all_endpoints() if one.access != "public"}

    looking = {caller for caller in callers().of("keys/authenticate") if caller.kind == "route"}
    assert {caller for caller in looking if " /v1/" not in caller.name} == keyed


@pytest.mark.parametrize(
    ("statement", "caller"),
    [
        ("search/index_filtered", Caller("route", "POST /search")),
        ("documents/get", Caller("route", "POST /documents/{document_id}/retry")),
        ("idempotency/claim", Caller("route", "POST /documents")),
        ("keys/tenant", Caller("route", "GET /me")),
        ("ddl/own_index", Caller("command", "cabinet index apply")),
        ("ingest/heartbeat", Caller("loop", "ingestion")),
        ("message_jobs/renew", Caller("loop", "messages")),
        ("idempotency/delete_expired", Caller("loop", "sweep")),
        ("roles/create_owner", Caller("command", "cabinet roles")),
    ],
)
def test_the_callers_of_a_statement(statement: str, caller: Caller) -> None:
    assert caller in callers().of(statement)


def test_statements_that_all_run_are_summarised() -> None:
    assert callers().named("keys/authenticate") == (EVERY_ROUTE,)
    assert callers().named("server/versions")[0] == EVERY_COMMAND


@pytest.mark.parametrize("run", ["all", "all but one", "all but two"])
def test_a_group_with_one_missing_is_still_a_group(run: str) -> None:
    routes = [caller_named(f"GET /{number}") for number in range(9)]
    few = {"all": 0, "all but one": 1, "all but two": 2}[run]
    record = Callers({route: ["keys/authenticate", *(["x/y"] if i >= few else [])] for i, route in enumerate(routes)})

    words = record.named("x/y")

    assert (
        words
        == {
            "all": (EVERY_ROUTE,),
            "all but one": (f"{EVERY_ROUTE} but GET /0",),
            "all but two": tuple(str(route) for route in routes[2:]),
        }[run]
    )
