"""The guard of every test finds a null that the header of its statement does not declare."""

from __future__ import annotations

from dataclasses import replace

from svc.database.queries import Database
from tests import null_guard


async def test_a_null_that_the_header_does_not_declare_is_found(database: Database) -> None:
    assert await database.one("server/versions") is not None
    assert await database.value("ingest/next_due") is None
    assert null_guard.found == []

    statement = database.statements["ingest/next_due"]
    [column] = statement.columns
    wrong = replace(statement, columns=(replace(column, can_be_null=False),))
    assert await Database({statement.name: wrong}, database.pool).value("ingest/next_due") is None

    assert null_guard.found == ["ingest/next_due: due_in_s is null"]
    null_guard.found.clear()
