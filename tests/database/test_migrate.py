"""Migrations on a real PostgreSQL: applied, rolled back, concurrent, killed and refused."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import asyncpg
import pytest

from svc.database.queries import open_database
from svc.database.statements import load_statements
from svc.errors import StartupError
from svc.migrations import files as migration_files
from svc.migrations import session as migration_session
from svc.migrations import steps as migration_steps
from svc.migrations.files import migration_ids
from svc.migrations.migrate import apply_migrations, migration_states, rollback_migrations
from svc.migrations.session import MigrationSession, migrating
from svc.migrations.steps import MigrationStep
from svc.resources import resource_folder
from svc.settings import Settings
from tests.conftest import PATIENCE_S, test_settings
from tests.database.added_migrations import COLUMNS, INDEXES, MIGRATE
from tests.database.conftest import until
from tests.server_process import clean_environment

ALL = migration_ids()
NEXT = f"{int(ALL[-1][:4]) + 1:04}"

# All objects that a migration can create, from the server's catalogs. Columns are numbered among the existing ones,
# since the server also counts dropped ones.
CATALOGUE = """
    select 'column' as kind, concat_ws(' ', a.attrelid::regclass,
        row_number() over (partition by a.attrelid order by a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, a.attstorage, pg_get_expr(d.adbin, d.adrelid)) as what
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    union all select 'constraint', concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index', pg_get_indexdef(indexrelid) from pg_index as i join pg_class as c on c.oid = i.indexrelid
    where c.relnamespace = 'public'::regnamespace
    union all select 'table', concat_ws(' ', relname, reloptions::text) from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r'
    union all select 'function', oid::regprocedure::text from pg_proc as p
    where pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend as e where e.objid = p.oid and e.deptype = 'e')
    union all select 'comment', concat_ws(' ', objoid::regclass, attname, description) from pg_description
    left join pg_attribute on attrelid = objoid and attnum = objsubid
    where classoid = 'pg_class'::regclass and objoid::regclass::text !~ '^pg_|information_schema'
    order by kind, what"""


async def catalogue(url: str) -> list[str]:
    """The objects in the database, one per line, without the log of the migrations."""
    rows = await fetch(url, CATALOGUE)
    return [f"{row['kind']}: {row['what']}" for row in rows if "schema_migrations" not in row["what"]]


async def fetch(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def applied(url: str) -> list[str]:
    return [state.id for state in await migration_states(url) if state.applied_at is not None]


async def test_applying_rolling_back_and_applying_again_gives_the_same_schema(
    settings: Settings, empty_url: str
) -> None:
    before = await catalogue(empty_url)
    assert await apply_migrations(settings, empty_url) == ALL
    first = await catalogue(empty_url)
    assert len(first) > 100

    assert await rollback_migrations(settings, empty_url, len(ALL)) == ALL[::-1]
    assert await catalogue(empty_url) == before
    assert await applied(empty_url) == []

    assert await apply_migrations(settings, empty_url) == ALL
    assert await catalogue(empty_url) == first


async def test_the_status_shows_which_migrations_are_applied_and_when(settings: Settings, empty_url: str) -> None:
    assert [(state.id, state.applied_at) for state in await migration_states(empty_url)] == [(i, None) for i in ALL]
    await apply_migrations(settings, empty_url)
    await rollback_migrations(settings, empty_url, 1)

    states = await migration_states(empty_url)

    assert [state.id for state in states] == ALL
    assert [state.applied_at is None for state in states] == [False] * (len(ALL) - 1) + [True]


async def test_one_of_several_concurrent_runs_migrates_and_all_succeed(settings: Settings, empty_url: str) -> None:
    outcomes = await asyncio.gather(*(apply_migrations(settings, empty_url) for _ in range(4)))

    assert sorted(outcomes) == [[], [], [], ALL]
    await (await open_database(settings, empty_url)).close()


KILLED = """
import asyncio, os, signal, sys
from asyncpg import Connection
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings
Settings.model_config["env_file"] = None

async def execute(self, query, *arguments, **options):
    if "0003.users" in arguments:
        os.kill(os.getpid(), signal.SIGKILL)
    return await original(self, query, *arguments, **options)

original, Connection.execute = Connection.execute, execute
asyncio.run(apply_migrations(Settings(), sys.argv[1]))
"""


async def test_a_process_killed_between_a_migration_and_its_record_leaves_neither(
    settings: Settings, empty_url: str
) -> None:
    """In two transactions, the tables would make every later attempt fail."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, empty_url, cwd=resource_folder("sql").parent, stderr=subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert await applied(empty_url) == ALL[:2]

    assert await apply_migrations(settings, empty_url) == ALL[2:]
    await (await open_database(settings, empty_url)).close()


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that the release uses as its own, to which a test can add."""
    folder = copytree(resource_folder("migrations"), tmp_path / "migrations")
    monkeypatch.setattr(migration_files, "resource_folder", lambda _name: folder)
    return folder


HEADER = f"-- depends: {ALL[-1]}\n"


async def test_a_migration_that_fails_is_named_and_changes_nothing(
    settings: Settings, database_url: str, planted: Path
) -> None:
    before = await catalogue(database_url)
    (planted / f"{NEXT}.bad.sql").write_text(HEADER + "create table good (id int);\ncreate table good (id int);\n")

    with pytest.raises(StartupError, match=rf"Migration {NEXT}\.bad failed, and changed nothing: .*already exists"):
        await apply_migrations(settings, database_url)

    assert await catalogue(database_url) == before
    assert await applied(database_url) == ALL
    (planted / f"{NEXT}.bad.sql").write_text(HEADER + "create table good (id int);\n")
    assert await apply_migrations(settings, database_url) == [f"{NEXT}.bad"]


async def test_a_migration_edited_after_it_was_applied_is_noticed(
    settings: Settings, database_url: str, planted: Path
) -> None:
    await apply_migrations(settings, database_url)
    file = planted / "0004.documents.sql"
    text = file.read_text()
    file.write_text(
        text.replace("-- Why: ", "-- Why: a comment may change, ").replace(",\n    id uuid", ", id uuid", 1)
    )
    assert await apply_migrations(settings, database_url) == []

    file.write_text(text.replace("token_count integer", "token_count bigint"))
    with pytest.raises(StartupError, match=r"Migration 0004\.documents was edited after it was applied"):
        await apply_migrations(settings, database_url)

    # After a rollback and another run, the new text is recorded.
    await rollback_migrations(settings, database_url, len(ALL) - 3)
    assert await apply_migrations(settings, database_url) == ALL[3:]
    assert await apply_migrations(settings, database_url) == []
    file.write_text(text)
    with pytest.raises(StartupError, match="was edited"):
        await apply_migrations(settings, database_url)


async def test_an_index_can_be_built_without_a_transaction(
    settings: Settings, database_url: str, planted: Path
) -> None:
    (planted / f"{NEXT}.index.sql").write_text(
        HEADER + "-- transactional: false\ncreate index concurrently messages_role_idx on messages (user_id, role);\n"
    )
    (planted / f"{NEXT}.index.rollback.sql").write_text("drop index concurrently messages_role_idx;\n")

    assert await apply_migrations(settings, database_url) == [f"{NEXT}.index"]
    assert any("messages_role_idx" in line for line in await catalogue(database_url))
    assert await rollback_migrations(settings, database_url, 1) == [f"{NEXT}.index"]
    assert await apply_migrations(settings, database_url) == [f"{NEXT}.index"]


@asynccontextmanager
async def every_table_read(observer: Any) -> AsyncIterator[Any]:
    """A session that has read every table, in a transaction that stays open during the block."""
    tables = "select string_agg(oid::regclass::text, ', ') from pg_class where relkind = 'r' and relnamespace = 2200"
    async with observer.transaction():
        await observer.execute(f"lock table {await observer.fetchval(tables)} in access share mode")
        # Like the service, with the statement's name first.
        await observer.fetchval("-- users/get\nselect 1")
        yield observer


async def test_a_migration_that_cannot_get_its_lock_fails_and_names_the_holder(
    database_url: str, added: Path, monkeypatch: pytest.MonkeyPatch, observer: Any
) -> None:
    """All later sessions would wait behind a waiting ALTER or DROP."""
    monkeypatch.setattr(migration_steps, "LOCK_TIMEOUT", "700ms")
    settings = test_settings(migration_wait_s=3)
    async with every_table_read(observer):
        with pytest.raises(StartupError, match=rf"Migration {COLUMNS} did not get the locks") as refused:
            await apply_migrations(settings, database_url)

    detail = refused.value.detail
    assert re.search(r"in [2-9] attempts within 3 s, and changed nothing", detail), detail
    assert f"pid {observer.get_server_pid()}, " in detail
    assert "statement users/get, idle in transaction, for " in detail
    assert await applied(database_url) == ALL


async def test_a_step_is_retried_until_the_timeout_of_the_setting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting allows a day, which is more than 10,000 attempts; the 1,024th raised OverflowError."""
    attempts = itertools.count(1)

    async def attempt(*_arguments: object) -> None:
        if next(attempts) < 11_000:
            raise asyncpg.LockNotAvailableError("held")

    monkeypatch.setattr(MigrationSession, "_attempt", attempt)
    monkeypatch.setattr(migration_session, "_FIRST_PAUSE_S", 0.0)
    async with migrating(database_url, load_statements(resource_folder("sql")), 86_400) as session:
        await session.run(MigrationStep("a step", "", ()))
    assert next(attempts) == 11_001, "the lock was taken, not silently skipped"


async def test_a_migration_is_retried_until_the_lock_is_free(
    settings: Settings, database_url: str, added: Path, monkeypatch: pytest.MonkeyPatch, observer: Any, caplog: Any
) -> None:
    monkeypatch.setattr(migration_steps, "LOCK_TIMEOUT", "300ms")
    caplog.set_level("INFO")
    await apply_migrations(settings, database_url)
    await rollback_migrations(settings, database_url, 1)
    async with every_table_read(observer):
        rollback = asyncio.create_task(rollback_migrations(settings, database_url, 1))
        await until(lambda: asyncio.sleep(0, "retrying in" in caplog.text))
        assert not rollback.done()

    assert await rollback == [COLUMNS]


async def test_a_run_waits_for_another_run_and_names_it(
    settings: Settings, database_url: str, observer: Any, caplog: Any
) -> None:
    caplog.set_level("INFO")
    lock = load_statements(resource_folder("sql"))["server/lock_migrations"].text
    assert await observer.fetchval(lock)
    waiting = asyncio.create_task(apply_migrations(settings, database_url))
    await until(lambda: asyncio.sleep(0, f"migrates the database: pid {observer.get_server_pid()}" in caplog.text))
    await observer.fetchval("select pg_advisory_unlock_all()::text")

    assert await waiting == []


async def test_an_index_left_invalid_by_a_killed_build_is_rebuilt(
    settings: Settings, database_url: str, added: Path, observer: Any
) -> None:
    await apply_migrations(settings, database_url)
    await rollback_migrations(settings, database_url, 1)
    building = (
        "select count(*) from pg_stat_activity where application_name = 'cabinet migrate'"
        " and datname = current_database() and query ~ 'create index' and wait_event_type = 'Lock'"
    )
    sessions = (
        "select count(*) from pg_stat_activity where application_name ~ 'cabinet migrate'"
        " and datname = current_database()"
    )
    is_valid = "select indisvalid from pg_index where indexrelid = to_regclass('documents_archived_idx')"
    async with observer.transaction():
        # The build waits for the end of this writer.
        await observer.execute("lock table documents in row exclusive mode")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"{MIGRATE}asyncio.run(apply_migrations(Settings(), url))", database_url, str(added),
            env=clean_environment(), cwd=resource_folder("sql").parent,
        )  # fmt: skip
        await until(lambda: counted(database_url, building), 30)
        process.kill()
        await process.wait()
        # The server detects that the client is gone, and cancels the build.
        await until(lambda: counted(database_url, f"select (({sessions}) = 0)::int"), 30)
        assert await observer.fetchval(is_valid) is False

    assert await apply_migrations(settings, database_url) == [INDEXES]
    assert await observer.fetchval(is_valid) is True


async def counted(url: str, query: str) -> int:
    """One number, over a separate connection, since a transaction keeps its first snapshot of the sessions."""
    [row] = await fetch(url, query)
    return int(row[0])


async def test_a_start_with_nothing_to_do_locks_no_table(settings: Settings, database_url: str, observer: Any) -> None:
    async with observer.transaction():
        await observer.execute("lock table chunk_vectors, message_vectors, chunks in access exclusive mode")

        assert await asyncio.wait_for(apply_migrations(settings, database_url), PATIENCE_S) == []


async def test_another_model_is_refused_with_the_remedies(database_url: str) -> None:
    other = test_settings(
        openai_api_key="sk-secret-in-the-settings", embedding_model="big-model", embedding_dimensions=512
    )

    with pytest.raises(StartupError) as refused:
        await apply_migrations(other, database_url)

    detail = refused.value.detail
    assert "of wordllama-l2-supercat-256 with 256 dimensions, but the settings select big-model with 512" in detail
    assert "CABINET_EMBEDDING_PROVIDER=local" in detail
    assert "another DATABASE_URL or CABINET_DATA_DIR" in detail
    assert "sk-secret" not in detail


async def test_another_width_of_the_same_model_is_refused(empty_url: str) -> None:
    settings = {"openai_base_url": "http://127.0.0.1:9/v1", "embedding_model": "m"}
    await apply_migrations(test_settings(**settings, embedding_dimensions=512), empty_url)

    with pytest.raises(StartupError, match=r"m with 512 dimensions, but the settings select m with 256"):
        await apply_migrations(test_settings(**settings, embedding_dimensions=256), empty_url)
    width = "select format_type(atttypid, atttypmod) as t from pg_attribute where attname = 'embedding' and attnum > 0"
    assert "halfvec(512)" in [row["t"] for row in await fetch(empty_url, width)]


@pytest.mark.parametrize("dimensions", [1, 3584])
async def test_every_width_that_the_settings_allow_can_be_indexed(empty_url: str, dimensions: int) -> None:
    settings = test_settings(openai_base_url="http://127.0.0.1:9/v1", embedding_dimensions=dimensions)

    assert await apply_migrations(settings, empty_url) == ALL
    await (await open_database(settings, empty_url)).close()


async def test_the_vectors_stay_in_their_rows(database_url: str) -> None:
    storage = (
        "select attrelid::regclass::text as name, attstorage from pg_attribute where attname = 'embedding'"
        " and attrelid = any(array['chunk_vectors', 'message_vectors']::regclass[])"
    )
    rows = await fetch(database_url, storage)

    assert {row["name"]: row["attstorage"] for row in rows} == {"chunk_vectors": b"p", "message_vectors": b"p"}


async def test_a_login_without_the_privilege_gets_a_clear_message(settings: Settings, empty_url: str) -> None:
    url = empty_url.replace("postgres:@", "visitor:@")
    await fetch(empty_url, "create role visitor login")
    try:
        with pytest.raises(StartupError, match="The log of migrations failed, and changed nothing") as refused:
            await apply_migrations(settings, url)
        assert "the URL of the tables' owner in CABINET_OWNER_DATABASE_URL" in refused.value.detail
        await fetch(empty_url, "grant create on schema public to visitor")
        with pytest.raises(StartupError, match=r"Migration 0001\.extension_and_functions failed.*permission denied"):
            await apply_migrations(settings, url)
        # The administrator installs the extension; the login creates the rest.
        await fetch(empty_url, "create extension vector")
        assert await apply_migrations(settings, url) == ALL
    finally:
        await fetch(empty_url, "drop owned by visitor cascade")
        await fetch(empty_url, "drop role visitor")


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:geheim@127.0.0.1:1/x", "postgresql://ada:geheim@/x?host=/nowhere"],
)
async def test_an_unreachable_database_is_reported_without_its_password(settings: Settings, url: str) -> None:
    for work in (apply_migrations(settings, url), rollback_migrations(settings, url, 1), migration_states(url)):
        with pytest.raises(StartupError, match="cannot be used") as refused:
            await work
        assert "geheim" not in refused.value.detail


async def test_the_options_of_the_url_are_kept(settings: Settings, empty_url: str) -> None:
    """The URL selects another schema, into which the migrations must go, with or without a lock timeout."""
    await fetch(empty_url, "create schema cabinet")
    role = "alter role postgres in database {} set search_path = cabinet, public"
    [row] = await fetch(empty_url, "select current_database() as name")
    await fetch(empty_url, role.format(row["name"]))

    assert await apply_migrations(settings, empty_url) == ALL
    await (await open_database(settings, empty_url)).close()
    tables = "select relname from pg_class where relnamespace = 'cabinet'::regnamespace and relname = 'documents'"
    assert len(await fetch(empty_url, tables)) == 1
    assert await rollback_migrations(settings, empty_url, len(ALL)) == ALL[::-1]
    assert await apply_migrations(settings, empty_url) == ALL
