"""Servers that are too old are refused by name, before they silently lose rows."""

from __future__ import annotations

import pytest

from svc.database.queries import Database
from svc.database.rows import ServerVersions
from svc.database.versions import check_versions
from svc.errors import StartupError
from tests.made_up_rows import row_of

GOOD = {"server_version_num": 160014, "server_version": "16.14", "vector_version": "0.8.5"}


async def test_the_servers_of_the_tests_are_good(database: Database) -> None:
    check_versions(await database.one("server/versions"))


@pytest.mark.parametrize("vector", ["0.8.5", "0.8.10", "0.9.0", "0.10.0", "1.0.0"])
def test_later_versions_are_good(vector: str) -> None:
    check_versions(row_of(ServerVersions, **{**GOOD, "vector_version": vector}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server_version_num": 150009, "server_version": "15.9"}, "PostgreSQL 15.9; Cabinet needs 16"),
        ({"vector_version": None}, "no pgvector; run: cabinet migrate apply"),
        ({"vector_version": "0.8.4"}, "pgvector 0.8.4; Cabinet needs 0.8.5"),
        ({"vector_version": "0.7.0"}, "pgvector 0.7.0"),
    ],
)
def test_older_ones_are_refused_with_what_to_do(changes: dict[str, object], said: str) -> None:
    with pytest.raises(StartupError) as refused:
        check_versions(row_of(ServerVersions, **{**GOOD, **changes}))

    assert said in refused.value.detail
