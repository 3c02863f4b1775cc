"""`cabinet migrate plan` prints the statements of `apply`, which have the same effect when run with psql."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from bench.server_programs import server_programs
from svc.database.statements import load_statements
from svc.errors import StartupError
from svc.migrations.files import migration_ids, read_migrations
from svc.migrations.migrate import apply_migrations, migration_script, migration_states, rollback_migrations
from svc.resources import resource_folder
from svc.settings import Settings
from tests.conftest import POSTGRES_VERSION
from tests.database.schema import SCHEMA, dump
from tests.server_process import CABINET, clean_environment

ALL = migration_ids()
NOTES = "select m.id, m.checksum, m.applied_by from schema_migrations as m order by m.id"


def psql(script: str, url: str) -> tuple[int, str]:
    """Run a script with psql; returns the exit code and the errors."""
    command: list[str | Path] = [server_programs(POSTGRES_VERSION) / "psql", "--no-psqlrc", "--quiet", "--file=-", url]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    return done.returncode, "\n".join(line for line in done.stderr.splitlines() if "NOTICE:" not in line)


async def cabinet(*arguments: str) -> tuple[int, str]:
    """Run the command; returns its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *CABINET, *arguments, env=clean_environment(), stdout=subprocess.PIPE
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


@pytest.mark.parametrize("applied", [0, 4])
async def test_the_plan_run_by_hand_has_the_effect_of_apply(
    settings: Settings, empty_url: str, database_url: str, applied: int
) -> None:
    if applied:
        await apply_migrations(settings, empty_url)
        await rollback_migrations(settings, empty_url, len(ALL) - applied)

    done = psql(await migration_script(settings, empty_url), empty_url)

    assert done == (0, "")
    assert dump(empty_url, POSTGRES_VERSION) == SCHEMA.read_text()
    assert {state.state for state in await migration_states(empty_url)} == {"applied"}
    assert await rows(empty_url, NOTES) == await rows(database_url, NOTES)
    model = "select model, dimensions from embedding_model"
    assert await rows(empty_url, model) == await rows(database_url, model)
    assert await apply_migrations(settings, empty_url) == []


async def test_the_plan_run_by_hand_builds_indexes_outside_a_transaction(
    settings: Settings, empty_url: str, database_url: str, added: Path
) -> None:
    done = psql(await migration_script(settings, database_url), database_url)

    assert done == (0, "")
    assert await apply_migrations(settings, database_url) == []
    await apply_migrations(settings, empty_url)
    assert dump(database_url, POSTGRES_VERSION) == dump(empty_url, POSTGRES_VERSION)


async def test_the_plan_has_the_statements_of_apply_in_the_same_order(
    settings: Settings, empty_url: str, added: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = await migration_script(settings, empty_url)
    sent: list[str] = []
    execute = asyncpg.Connection.execute

    async def recorded(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        # The services that other tests share continue in this process, with separate databases.
        if f"/{self._params.database}" == urlsplit(empty_url).path:
            sent.append(query)
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", recorded)
    await apply_migrations(settings, empty_url)

    place, begun = 0, 0
    for query in sent:
        # The script contains values instead of the query's parameters.
        text = query.partition("$1")[0].strip()
        expected = text.lower() if text in {"BEGIN;", "COMMIT;"} else text
        assert expected in script[place:], query
        place = script.index(expected, place) + len(expected)
        begun += expected == "begin;"
    transactions = [migration for migration in read_migrations() if migration.is_transactional]
    assert begun == script.count("\nbegin;\n") > len(transactions)
    for migration in read_migrations():
        assert migration.header in script
    assert script.count("create index concurrently") == sum("create index concurrently" in query for query in sent) > 0


async def test_printing_the_plan_changes_nothing(settings: Settings, empty_url: str) -> None:
    before = dump(empty_url, POSTGRES_VERSION)
    await migration_script(settings, empty_url)
    assert dump(empty_url, POSTGRES_VERSION) == before

    await apply_migrations(settings, empty_url)

    assert "begin;" not in await migration_script(settings, empty_url)


async def test_the_plan_of_a_rollback_can_be_run_by_hand(settings: Settings, database_url: str) -> None:
    code, printed = await cabinet("migrate", "plan", "--rollback", "2", "--database-url", database_url)
    assert code == 0

    done = psql(printed, database_url)

    assert done == (0, "")
    states = {state.id: state.state for state in await migration_states(database_url)}
    assert [name for name, state in states.items() if state == "missing"] == ALL[-2:]
    assert await apply_migrations(settings, database_url) == ALL[-2:]
    assert dump(database_url, POSTGRES_VERSION) == SCHEMA.read_text()


async def test_the_plan_run_by_hand_during_another_migration_does_nothing(settings: Settings, empty_url: str) -> None:
    script = await migration_script(settings, empty_url)
    other = await asyncpg.connect(empty_url)
    try:
        assert await other.fetchval(load_statements(resource_folder("sql"))["server/lock_migrations"].text)
        done = psql(script, empty_url)
    finally:
        await other.close()

    assert done == (0, "Another session is migrating this database; this script did nothing.")
    assert {state.state for state in await migration_states(empty_url)} == {"missing"}


async def test_a_name_of_a_model_cannot_break_out_of_the_script(empty_url: str) -> None:
    names = {"openai_base_url": "http://127.0.0.1:9/v1", "embedding_model": "it's \\ $1", "embedding_dimensions": 3}
    settings = Settings(**names)  # type: ignore[arg-type]

    done = psql(await migration_script(settings, empty_url), empty_url)

    assert done == (0, "")
    assert await rows(empty_url, "select model, dimensions from embedding_model") == [("it's \\ $1", 3)]


async def test_a_database_of_a_newer_release_is_not_changed(settings: Settings, database_url: str) -> None:
    newer = "insert into schema_migrations (id, checksum) values ('9999.newer', 'x') returning 1"
    await rows(database_url, newer)

    for work in (
        apply_migrations(settings, database_url),
        rollback_migrations(settings, database_url, 1),
        migration_script(settings, database_url),
    ):
        with pytest.raises(StartupError, match=r"does not know: 9999\.newer\. A newer release has migrated it"):
            await work
    code, shown = await cabinet("migrate", "status", "--database-url", database_url)
    assert code == 1
    assert "unknown" in shown
