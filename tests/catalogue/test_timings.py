"""The calls of statements, as counted by pg_stat_statements (without headers and constants) or by a service."""

from __future__ import annotations

import pytest

from svc.catalogue.server_times import server_times
from svc.catalogue.timings import Timing, fingerprint, timings_of_server, timings_of_service
from svc.database.queries import Database
from svc.database.rows import CatalogueStatementTimes
from svc.errors import UnavailableError
from tests.catalogue.recorded import all_statements
from tests.made_up_rows import row_of


def test_pg_stat_statements_distinguishes_most_statements() -> None:
    by_text: dict[str, set[str]] = {}
    for statement in all_statements().values():
        by_text.setdefault(fingerprint(statement.text), set()).add(statement.name)

    alike = [names for names in by_text.values() if len(names) > 1]

    assert alike == [{"ddl/own_dense_index", "ddl/own_index"}, {"indexes/lock", "server/lock_migrations"}]


def test_counts_of_the_server_find_their_statements() -> None:
    statements = all_statements()
    health = statements["server/health"].body.rstrip(";")
    rows = [
        # The form of PostgreSQL 18: no header, constants replaced, lists shortened.
        {"query": statements["documents/list"].body.rstrip(";"), "calls": 3, "total_ms": 1.5},
        {"query": "select s.x from strangers as s", "calls": 9, "total_ms": 9.0},
        {
            "query": health.replace("10000", "$2").replace(", 0)", ", $1)").replace("epoch", "$3"),
            "calls": 2, "total_ms": 1.0,
        },
        # The form of PostgreSQL 16, from two logins.
        {"query": statements["server/health"].text, "calls": 1, "total_ms": 0.5},
        {
            "query": "COPY chunks(user_id) FROM STDIN WITH (FORMAT binary) WHERE true /* ingest/write_chunks */",
            "calls": 1, "total_ms": 2.0,
        },
    ]  # fmt: skip

    found = [row_of(CatalogueStatementTimes, **row) for row in rows]
    timings = timings_of_server(statements.values(), found)

    assert timings.of == {
        "documents/list": Timing(3, 1.5),
        "server/health": Timing(3, 1.5),
        "ingest/write_chunks": Timing(1, 2.0),
    }
    assert timings.of["documents/list"].mean_ms == 0.5


async def test_a_server_without_the_extension_is_no_error(database: Database) -> None:
    assert await server_times(database) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://", "no url"])
def test_a_missing_answer_is_reported(url: str) -> None:
    with pytest.raises(UnavailableError, match="answers at"):
        timings_of_service(url)
