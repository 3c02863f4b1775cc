"""`cabinet sql list` on a terminal, in a pipe, and with a running service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from svc.cli.main import main
from tests.catalogue.recorded import all_statements
from tests.server_process import ServerProcess

NOBODY = "http://127.0.0.1:9"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(
        main, ["sql", "list", *arguments], env={"CABINET_PORT": "9", **environment}, catch_exceptions=False
    )


def listed(*arguments: str) -> dict[str, Any]:
    result = run("--format", "json", *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def names(*arguments: str) -> list[str]:
    return [one["name"] for one in listed(*arguments)["statements"]]


def test_every_statement_is_listed_without_a_database_and_a_service() -> None:
    answer = listed()

    assert [one["name"] for one in answer["statements"]] == sorted(all_statements())
    assert answer["counted_by"].startswith("nobody: ")
    (search,) = [one for one in answer["statements"] if one["name"] == "ingest/drop"]
    assert search == {
        "name": "ingest/drop",
        "shape": "value",
        "purpose": search["purpose"],
        "returns": search["returns"],
        "reads": ["documents", "ingestion_jobs"],
        "writes": ["document_contents", "ingestion_jobs"],
        "indexes": ["ingestion_jobs_pkey", "documents_pkey", "document_contents_removed_idx"],
        "routes": [],
        "commands": [],
        "loops": ["ingestion"],
        "calls": None,
        "total_ms": None,
        "mean_ms": None,
    }


def test_a_pipe_gets_one_statement_per_line() -> None:
    lines = run().stdout.splitlines()

    assert [line.split("\t")[0] for line in lines] == sorted(all_statements())
    assert {line.count("\t") for line in lines} == {7}


def test_a_terminal_shows_complete_names() -> None:
    shown = run("--format", "text", "--caller", "delete /documents").stdout

    assert "documents/delete :exec" in shown
    assert "tables  document_contents*, documents*, ingestion_jobs*, tenant_totals*" in shown
    assert "run by  DELETE /documents/{document_id}" in shown


def test_statements_by_their_names() -> None:
    assert names("users/get", "search/*.sql") == [
        "search/bits", "search/bits_all", "search/exact", "search/exact_all", "search/hybrid_bits",
        "search/hybrid_bits_all", "search/hybrid_exact", "search/hybrid_exact_all", "search/hybrid_index",
        "search/index", "search/index_filtered", "search/keyword", "search/keyword_all", "search/term_shares",
        "users/get",
    ]  # fmt: skip


def test_an_unknown_name_is_an_error() -> None:
    result = run("users/get", "users/nobody")

    assert result.exit_code == 2
    assert "there is no statement users/nobody; cabinet sql list shows all statements" in result.output


def test_statements_of_a_table() -> None:
    found = listed("--table", "api_keys")["statements"]

    assert all("api_keys" in one["reads"] + one["writes"] for one in found)
    assert {"keys/authenticate", "keys/list", "users/create"} <= {one["name"] for one in found}


def test_statements_of_a_route() -> None:
    found = set(names("--caller", "GET /users/{user_id}"))

    assert {"keys/authenticate", "users/get"} <= found
    assert not {"users/list", "users/create", "ingest/claim"} & found


def test_a_named_service_must_answer() -> None:
    result = run("--url", NOBODY)

    assert result.exit_code == 2
    assert f"no Cabinet service answers at {NOBODY}" in result.output


@pytest.fixture(scope="module")
def served() -> Any:
    with ServerProcess() as server, server.client(server.admin_key) as admin:
        for _ in range(40):
            admin.get("/users").raise_for_status()
        yield server


def test_a_running_service_reports_the_most_frequent_statements(served: ServerProcess) -> None:
    answer = listed("--url", served.url, "--sort", "calls")

    counts = {one["name"]: one["calls"] for one in answer["statements"]}
    assert counts["users/list"] == 40
    assert counts["documents/list"] is None
    assert next(iter(counts)) == "users/list"
    assert "one process, since its start" in answer["counted_by"]


def test_the_service_is_found_at_the_address_of_the_settings(served: ServerProcess) -> None:
    result = run("--format", "text", "--caller", "GET /users", CABINET_PORT=served.url.rpartition(":")[2])

    assert "users/list :many   40 calls, " in result.stdout
