"""With one barrier removed, the other one still separates the tenants.

Here, every statement lacks its conditions on the tenant, and row level security is on: the tests of isolation pass. The
tests in test_tenancy.py use the original statements without row level security.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from svc.database.queries import Database, open_database
from svc.embedded.server import EmbeddedServer, url_as
from svc.migrations.policies import set_row_security
from tests.conftest import Service, fresh_database, running_service, test_settings
from tests.database.conftest import make_document, make_user
from tests.routes.test_tenancy import (  # noqa: F401 - collected here, with the service of this module
    pair,
    test_an_id_of_another_tenant_in_the_body_is_like_an_unknown_id,
    test_an_id_of_another_tenant_in_the_path_is_like_an_unknown_id,
    test_deleting_a_tenant_changes_nothing_of_another,
    test_no_read_shows_a_row_of_another_tenant,
    test_no_search_finds_a_chunk_of_another_tenant,
    test_no_search_finds_a_message_of_another_tenant,
)
from tests.sql.checker import ROOT
from tests.sql.mutants import untied
from tests.sql.tables import read_tables, schema_files


def careless(database: Database) -> Database:
    """The same database, through statements without conditions on the tenant."""
    tables = read_tables(schema_files(ROOT))
    statements = {name: untied(statement, tables) for name, statement in database.statements.items()}
    return Database(statements, database.pool)


@pytest_asyncio.fixture(scope="module")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with such statements, under row level security."""
    settings = test_settings(key_cache_s=60, rls=True)
    async with fresh_database(server, template) as url:
        await set_row_security(settings, url, is_on=True)
        async with running_service(settings, url) as service:
            database = service.services.database
            database.statements = careless(database).statements
            yield service


@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
async def test_careless_statements_leak_without_row_security(database_url: str, is_on: bool) -> None:
    """Control: without policies, the statements of this module do reach rows of other tenants."""
    settings = test_settings(rls=is_on)
    await set_row_security(settings, database_url, is_on=is_on)
    database = await open_database(settings, url_as(database_url, settings.service_role))
    try:
        first, second = await make_user(database), await make_user(database, "eve@example.org")
        theirs = await make_document(database, second)
        found = await careless(database).one("documents/get", user_id=UUID(str(first)), document_id=theirs)
    finally:
        await database.close()
    assert (found is None) is is_on
