"""The recorder finds the caller of each statement, in this process and its child processes, and stale records."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svc.background import Background
from svc.cli.main import main
from svc.database.queries import Database
from tests.callers import plugin, recorder
from tests.conftest import Service
from tests.routes.tenants import new_tenant
from tests.server_process import CABINET, clean_environment

GET_USER = ("GET /me", "users/get")


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[tuple[str, str], str]:
    """The records from now on, which are not written elsewhere."""
    fresh: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(recorder, "seen", fresh)
    monkeypatch.setenv(recorder.FOLDER_VARIABLE, str(tmp_path))
    return fresh


async def test_a_route_and_the_loops_that_it_wakes(service: Service, noted: dict[tuple[str, str], str]) -> None:
    tenant = await new_tenant(service)
    await tenant.ready_document("a.md", "A sentence.")

    assert {("POST /users", "users/create"), ("POST /documents", "documents/create")} <= noted.keys()
    assert {("loop ingestion", "ingest/claim"), ("loop ingestion", "ingest/write_chunks")} <= noted.keys()
    assert ("POST /documents", "ingest/claim") not in noted


async def test_statements_run_by_a_test_itself_have_no_caller(
    database: Database, noted: dict[tuple[str, str], str]
) -> None:
    await database.one("server/versions")

    # The loops of a service that other tests share may run meanwhile.
    assert "server/versions" not in {statement for _, statement in noted}


async def test_the_tasks_of_a_loop_are_the_loops(database: Database, noted: dict[tuple[str, str], str]) -> None:
    async def turn() -> float:
        await database.one("server/versions")
        await asyncio.create_task(database.one("server/current_model"))
        done.set()
        return 60.0

    done = asyncio.Event()
    loop = Background().keep(turn, name="planted-2")
    await done.wait()
    await loop.stop()

    # Loops of services that other tests share may run meanwhile.
    planted = {pair for pair in noted if pair[0] == "loop planted"}
    assert planted == {("loop planted", "server/versions"), ("loop planted", "server/current_model")}


def test_a_command_in_this_process(database_url: str, noted: dict[tuple[str, str], str]) -> None:
    result = CliRunner().invoke(main, ["plan", "list", "--database-url", database_url], catch_exceptions=False)

    assert result.exit_code == 0, result.output
    assert {("cabinet plan list", "plans/list"), ("cabinet plan list", "server/versions")} <= noted.keys()


def test_a_command_in_a_process_of_its_own(database_url: str, tmp_path: Path) -> None:
    environment = clean_environment(**{recorder.FOLDER_VARIABLE: str(tmp_path)})

    subprocess.run(
        [*CABINET, "plan", "list", "--database-url", database_url], env=environment, check=True, capture_output=True
    )

    test = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0]
    assert recorder.recorded_in(tmp_path)["cabinet plan list", "plans/list"] == test


def test_a_connection_that_a_request_opens_in_serve_is_the_pools(noted: dict[tuple[str, str], str]) -> None:
    text = "-- server/session_settings :many"
    serve = main.commands["serve"]
    with click.Context(serve, parent=click.Context(main), info_name="serve"):
        contextvars.copy_context().run(_note_for_route, text)
        assert noted.keys() == {("loop pool", "server/session_settings")}
        recorder.note(text)
        assert ("cabinet serve", "server/session_settings") in noted


def _note_for_route(text: str) -> None:
    recorder._route.set("POST /search")
    recorder.note(text)


def test_a_record_that_lacks_a_caller_is_stale() -> None:
    lines = plugin.stale({GET_USER: "tests/test_x.py::test_y"}, set(), is_whole=False)

    assert lines == ["GET /me runs users/get (in tests/test_x.py::test_y)"]


def test_a_record_with_an_unused_caller_is_stale_after_a_complete_run() -> None:
    assert plugin.stale({}, {GET_USER}, is_whole=False) == []
    assert plugin.stale({}, {GET_USER}, is_whole=True) == ["GET /me no longer runs users/get"]


def test_only_cabinets_own_statements_are_recorded() -> None:
    pairs = {("GET /planted", "users/get"), ("GET /me", "planted/get"), ("cabinet planted", "users/get"), GET_USER}

    assert plugin.known(pairs) == {GET_USER}


def test_one_statement_for_a_version_represents_all() -> None:
    pair = ("cabinet serve", "server/create_database_18")

    assert plugin.known({pair}) == {pair, ("cabinet serve", "server/create_database_16")}
