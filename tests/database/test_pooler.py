"""The service checks the settings of its connections when it starts, and refuses a pooler that drops them."""

from __future__ import annotations

import re

import asyncpg
import pytest
from click.testing import CliRunner

from svc.cli.main import main
from svc.database.queries import open_database
from svc.database.rows import ServerSessionSettings
from svc.database.session_check import lost_settings
from svc.database.session_settings import session_settings
from svc.embedded.server import url_as
from svc.errors import StartupError
from svc.settings import Settings
from tests.conftest import running_service
from tests.database.pooler import PGBOUNCER, dropping_proxy, pgbouncer, through
from tests.made_up_rows import row_of

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")


async def set_for_the_role(url: str, role: str) -> None:
    """Run the lines of `cabinet roles` for the required settings of the service's connections."""
    printed = (
        CliRunner()
        .invoke(main, ["roles", "--service-role", role, "--database-url", url], catch_exceptions=False)
        .output
    )
    lines = re.findall(r"^alter role .*;$", printed, re.MULTILINE)
    assert len(lines) >= 8, printed
    connection = await asyncpg.connect(url)
    try:
        for line in lines:
            await connection.execute(line)
    finally:
        await connection.close()


async def test_dropped_settings_prevent_the_start_with_their_names_and_the_remedy(
    settings: Settings, database_url: str
) -> None:
    async with dropping_proxy(database_url) as port:
        with pytest.raises(StartupError) as refused:
            await open_database(settings, through(database_url, port))

    # The server of the tests already has the other settings.
    wanted = session_settings(settings)
    for name in ("statement_timeout", "idle_in_transaction_session_timeout", "hnsw.ef_search", "hnsw.max_scan_tuples"):
        assert re.search(rf"{re.escape(name)} is (\d+|not set), not {wanted[name]}", refused.value.detail)
    assert "hnsw.iterative_scan is not set, not relaxed_order" in refused.value.detail
    assert "plan_cache_mode is auto, not force_custom_plan" in refused.value.detail
    assert "ignore_startup_parameters = application_name, statement_timeout" in refused.value.detail
    assert "alter role" in refused.value.detail


async def test_settings_of_role_and_database_can_replace_dropped_ones(settings: Settings, database_url: str) -> None:
    await set_for_the_role(database_url, settings.service_role)

    async with dropping_proxy(database_url) as port, running_service(settings, through(database_url, port)) as service:
        ready = await service.call("GET", "/health/ready")

    assert ready.status_code == 200


@needs_pgbouncer
async def test_the_message_names_the_settings_that_pgbouncer_must_ignore(settings: Settings, database_url: str) -> None:
    async with pgbouncer(database_url) as port:
        with pytest.raises(StartupError) as refused:
            await open_database(settings, through(database_url, port))

    assert "unsupported startup parameter" in refused.value.detail
    assert f"ignore_startup_parameters = {', '.join(session_settings(settings))}" in refused.value.detail


@needs_pgbouncer
async def test_a_service_behind_pgbouncer_starts_once_the_role_has_the_settings(
    settings: Settings, database_url: str
) -> None:
    ignored = list(session_settings(settings))
    async with pgbouncer(database_url, ignored) as port:
        with pytest.raises(StartupError, match=r"hnsw\.iterative_scan is not set"):
            await open_database(settings, through(database_url, port))

    await set_for_the_role(database_url, settings.service_role)
    as_service = url_as(database_url, settings.service_role)
    async with (
        pgbouncer(as_service, ignored) as port,
        running_service(settings, through(as_service, port)) as service,
    ):
        _, key = await service.user("ada@example.com")
        await service.ready_document(key, "notes.txt", "The comet returns in May.")
        found = await service.call("POST", "/search", key, json={"query": "comet"})

    assert found.status_code == 200
    assert len(found.json()["results"]) == 1


@pytest.mark.parametrize(
    ("found", "is_lost"),
    [("10000", False), ("5000", False), ("0", True), ("20000", True), (None, True)],
)
def test_the_administrator_can_set_a_shorter_limit(found: str | None, is_lost: bool) -> None:
    rows = [row_of(ServerSessionSettings, name="statement_timeout", setting=found)]
    assert bool(lost_settings(rows, {"statement_timeout": "10000", "application_name": "cabinet"})) is is_lost
