"""Each rule for migrations and for the keys of the schema detects its fault, and the schema on the server is
correct."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from svc.database.queries import Database
from svc.migrations.files import migration_ids
from tests.sql.checker import KEY_EXCEPTIONS, ROOT, check_all
from tests.sql.migrations import check_migrations, check_served
from tests.sql.tables import Tables, read_tables, schema_files
from tests.sql.tree import OWN_INDEX

LAST = migration_ids()[-1]
PLANTED = f"{int(LAST[:4]) + 1:04}.planted"
HEADER = f"""\
-- Why: a test.
-- Lock: SHARE ROW EXCLUSIVE on documents, chunks
--   for a moment.
-- On 10M rows: milliseconds.
-- Serves: all
-- Rollback loses: nothing.
-- depends: {LAST}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The SQL, to which a test may add migrations and folders of statements. The existing folders are links."""
    copytree(ROOT / "migrations", tmp_path / "migrations")
    (tmp_path / "sql").mkdir()
    for part in (ROOT / "sql").iterdir():
        (tmp_path / "sql" / part.name).symlink_to(part)
    return tmp_path


def plant(root: Path, statement: str, header: str = "") -> list[str]:
    """Add a migration with one statement; returns the faults that the checker finds."""
    why = header or HEADER
    (root / "migrations" / f"{PLANTED}.sql").write_text(f"{why}{statement}\n")
    (root / "migrations" / f"{PLANTED}.rollback.sql").write_text("drop table planted;\n")
    return [str(fault) for fault in check_migrations(root, KEY_EXCEPTIONS)]


GOOD_TABLE = """
create table planted (
    user_id uuid not null,
    id uuid not null,
    document_id uuid not null,
    primary key (user_id, id),
    constraint planted_document_fkey foreign key (user_id, document_id) references documents (user_id, id)
);"""


def test_a_table_that_begins_its_keys_with_the_tenant_passes(root: Path) -> None:
    assert plant(root, GOOD_TABLE) == []


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("primary key (user_id, id)", "primary key (id, user_id)", "begins with id, not with user_id"),
        ("primary key (user_id, id)", "primary key (id)", "begins with id"),
        ("id uuid not null,\n    document_id", "id uuid not null unique,\n    document_id", "unique key"),
        ("primary key (user_id, id),", "", "planted has no primary key"),
        ("(user_id, document_id) references documents (user_id, id)", "(document_id) references documents (id)",
         "begins with document_id"),
        ("references documents (user_id, id)", "references documents (id, user_id)", "does not take the tenant across"),
        ("references documents (user_id, id)", "references documents (user_id, id) on update cascade", "no ON UPDATE"),
        (");", "); create index planted_id_idx on planted (id);", "index planted_id_idx of planted begins with id"),
        (");", "); create unique index planted_l on planted (lower(id::text), user_id);", "begins with (expression)"),
        (");", "); alter table planted add constraint planted_key unique (id);", "unique key planted_key"),
        (");", "); alter table chunks add column other uuid unique;", "unique key chunks_other"),
        (");", "); create trigger t after insert on planted for each row execute function f();", "no triggers"),
        (");", "); do $$ begin execute 'create trigger t'; end $$;", "no trigger"),
        (");", "); create sequence s;", "no sequences"),
        (");", "); create view v as select id from planted;", "no views"),
        (");", "); set lock_timeout = 0;", "no SET"),
        (");", "); commit;", "no BEGIN and COMMIT"),
        ("id uuid not null,\n    document_id", "id bigserial,\n    document_id", "no sequences"),
        ("id uuid not null,\n    document_id", "id int generated always as identity,\n    document_id", "no sequences"),
        (");", "); creat table x;", "syntax error"),
    ],
)  # fmt: skip
def test_a_schema_that_breaks_the_isolation_is_caught(root: Path, good: str, bad: str, message: str) -> None:
    assert good in GOOD_TABLE

    faults = plant(root, GOOD_TABLE.replace(good, bad, 1))

    assert message in "\n".join(faults)


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("-- Why: a test.\n", "", "sql:1: a line reads: -- Why: what it is for"),
        ("-- Lock: ", "-- Locks: ", "sql:2: a header has the lines -- Why:, -- Lock:"),
        ("--   for a moment", "-- for a moment", "sql:3: a header has the lines"),
        ("-- On 10M rows: milliseconds.\n", "", "a line reads: -- On 10M rows:"),
        ("-- Serves: all\n", "", "a line reads: -- Serves:"),
        ("-- Rollback loses: nothing.\n", "-- Rollback loses: \n", "a line reads: -- Rollback loses:"),
        ("-- Serves: all\n", "-- Serves: all\n-- Serves: all\n", "sql:6: Serves: stands here twice"),
        ("-- Why: a test.\n", "-- Rollback loses: it.\n-- Why: a test.\n", "stand in this order"),
        (f"-- depends: {LAST}\n", "", f"sql:1: a line reads: -- depends: {LAST}"),
        (LAST, "0001.extension_and_functions", f"sql:7: a line reads: -- depends: {LAST}"),
    ],
)  # fmt: skip
def test_a_migration_has_a_complete_header(root: Path, good: str, bad: str, message: str) -> None:
    assert good in HEADER

    assert message in "\n".join(plant(root, GOOD_TABLE, HEADER.replace(good, bad)))


BUILD = """\
drop index concurrently if exists chunks_planted_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists chunks_planted_idx on chunks (user_id, token_count);
"""


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("", "", ""),
        ("-- transactional: false\n", "", "concurrently is for a file with the line -- transactional: false"),
        ("drop index concurrently if exists chunks_planted_idx;\n", "", "before it stands: drop"),
        ("drop index concurrently if exists", "drop index if exists", "only statements with concurrently"),
        ("if exists ", "", "is dropped `if exists`"),
        ("token_count);\n", "token_count);\ncreate table p (id uuid);\n", "only statements with concurrently"),
    ],
)  # fmt: skip
def test_an_index_that_is_built_concurrently_can_be_built_again(root: Path, good: str, bad: str, message: str) -> None:
    whole = HEADER + "-- transactional: false\n" + BUILD
    assert good in whole
    (root / "migrations" / f"{PLANTED}.sql").write_text(whole.replace(good, bad, 1))
    (root / "migrations" / f"{PLANTED}.rollback.sql").write_text(
        "drop index concurrently if exists chunks_planted_idx;"
    )

    faults = "\n".join(str(fault) for fault in check_migrations(root, KEY_EXCEPTIONS))

    assert message in faults
    assert bool(message) == bool(faults)


TRUE_HEADER = """\
-- Why: a test.
-- Lock: SHARE ROW EXCLUSIVE on documents, SHARE on chunks.
-- On 10M rows: milliseconds.
-- Serves: documents/get, planted/*
-- Rollback loses: nothing.
-- depends: {LAST}
"""
PLANTED_STATEMENT = """\
-- planted/list :value
-- Counts what a test planted.
-- $1 user_id uuid  the tenant
-- returns: size int8
-- index: chunks_planted_idx
select count(*) as size from planted as p where p.user_id = $1::uuid;
"""


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("", "", ""),
        ("documents, ", "others, ", "sql:2: Lock: says nothing of documents"),
        (" on chunks", "", "sql:2: Lock: says nothing of chunks"),
        ("documents/get", "documents/got", "sql:4: Serves: there is no statement documents/got in sql/"),
        ("documents/get", "plant/*", "there is no statement plant/*"),
        ("documents/get", "users/get", "Serves: users/get uses no table and no function of this migration"),
        ("documents/get", "documents", "Serves: lists folder/name"),
        (", planted/*", "", "Serves: does not name planted/list, which is written for chunks_planted_idx"),
        (", planted/*", "", "Serves: names no statement that uses planted"),
    ],
)  # fmt: skip
def test_the_tables_and_statements_in_a_header_are_checked(root: Path, good: str, bad: str, message: str) -> None:
    assert good in TRUE_HEADER
    (root / "sql" / "planted").mkdir()
    (root / "sql" / "planted" / "list.sql").write_text(PLANTED_STATEMENT)
    index = "\ncreate index chunks_planted_idx on chunks (user_id, token_count);"
    header = TRUE_HEADER.format(LAST=LAST).replace(good, bad)
    assert plant(root, GOOD_TABLE + index, header) == []

    faults = "\n".join(str(fault) for fault in check_served(root))

    assert message in faults
    assert bool(message) == bool(faults)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0004.documents.rollback.sql", None, "0004.documents.rollback.sql is missing"),
        ("0004.documents.sql", None, "no migration for this rollback"),
        ("0004.documents.sql", "0003.documents.sql", "each is given once"),
        ("0004.documents.sql", "documents.sql", "a migration is named"),
    ],
)
def test_migrations_are_numbered_in_order_and_each_has_a_rollback(
    root: Path, old: str, new: str | None, message: str
) -> None:
    path = root / "migrations" / old
    if new is None:
        path.unlink()
    else:
        path.rename(path.with_name(new))

    assert message in "\n".join(str(fault) for fault in check_all(root))


def test_an_unnecessary_exception_is_a_fault() -> None:
    faults = check_migrations(ROOT, {**KEY_EXCEPTIONS, "documents_pkey": "for no reason"})

    assert [fault.message for fault in faults] == ["the exception for documents_pkey is needed no more"]


# The objects on the server, which must equal those found in the files.

COLUMNS = """
    select c.relname, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    group by c.relname"""
INDEXES = """
    select c.relname as name, t.relname as table, a.attname as first
    from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_class as t on t.oid = i.indrelid
    left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where c.relnamespace = 'public'::regnamespace """
REFERENCES = """
    select c.conname as name, t.relname as table, f.relname as target, a.attname as first, b.attname as target_first
    from pg_constraint as c join pg_class as t on t.oid = c.conrelid join pg_class as f on f.oid = c.confrelid
    join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    join pg_attribute as b on b.attrelid = c.confrelid and b.attnum = c.confkey[1]
    where c.contype = 'f'"""
FORBIDDEN = """
    select 'trigger ' || tgname as what from pg_trigger where not tgisinternal
    union all select 'sequence ' || relname from pg_class where relkind = 'S'
    union all select 'view ' || relname from pg_class
        where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace
    union all select 'rule ' || rulename from pg_rules where schemaname = 'public'
    union all select 'update action of ' || conname from pg_constraint where contype = 'f' and confupdtype <> 'a'"""


async def fetch(database: Database, query: str) -> list[dict[str, Any]]:
    async with database.pool.connection() as connection:
        return [dict(row) for row in await connection.fetch(query)]


async def test_the_server_has_the_tables_in_the_files(database: Database) -> None:
    tables = read_tables(schema_files(ROOT))

    found = {row["relname"]: row["columns"] for row in await fetch(database, COLUMNS)}

    assert found == tables.columns


async def test_on_the_server_every_index_of_a_tenant_table_starts_with_the_tenant(database: Database) -> None:
    tables: Tables = read_tables(schema_files(ROOT))
    rows = await fetch(database, INDEXES)

    wrong = {
        row["name"] for row in rows
        if row["table"] in tables.tenant_tables and row["first"] != tables.tenant_column(row["table"])
    }  # fmt: skip

    foreign = {key.name for key in tables.keys if key.kind == "foreign key"}
    assert wrong == set(KEY_EXCEPTIONS) - {OWN_INDEX} - foreign
    named = {key.name for key in tables.keys if key.kind != "foreign key"}
    # Keys made within CREATE TABLE get their index by the constraint's name.
    assert {row["name"] for row in rows} == {"users_pkey" if name == "users_id" else name for name in named} - {
        "embedding_model_is_current",
        OWN_INDEX,
    } | {"embedding_model_pkey"}


async def test_on_the_server_every_foreign_key_between_tenant_tables_contains_the_tenant(database: Database) -> None:
    tables = read_tables(schema_files(ROOT))
    rows = await fetch(database, REFERENCES)

    between_tenants = [row for row in rows if tables.tenant_column(row["target"]) is not None]
    assert len(between_tenants) == len(rows) - 1, "users refer to plans, which all share"
    # A reader is a different tenant than the owner of the collection.
    foreign = [(row["table"], row["first"]) for row in between_tenants if row["first"] == "reader_id"]
    assert foreign == [("collection_readers", "reader_id")]
    for row in between_tenants:
        if row["first"] == "reader_id":
            continue
        assert row["first"] == tables.tenant_column(row["table"]), row
        assert row["target_first"] == tables.tenant_column(row["target"]), row


async def test_the_server_has_nothing_that_a_distributed_table_refuses(database: Database) -> None:
    assert await fetch(database, FORBIDDEN) == []


async def test_every_index_in_a_header_exists(database: Database) -> None:
    there = {row["name"] for row in await fetch(database, INDEXES)}

    for statement in database.statements.values():
        named = set(filter(None, re.split(r",\s*", statement.index)))
        # The index of each large tenant has its own name.
        named -= {"chunk_vectors_hnsw_…"}
        assert named <= there, f"{statement.path} names {named - there}"
