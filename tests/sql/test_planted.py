"""`make check` names the file and the line of each fault planted into the statements of the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from svc.catalogue.tables import TablesUsed, recorded_tables
from svc.database.statements import read_statement
from tests.sql import record_tables
from tests.sql.checker import ROOT, check_all, check_statement
from tests.sql.conftest import Write
from tests.sql.tables import Tables


@dataclass(frozen=True)
class Plant:
    """A change to one statement: the old and the new text, the beginning of the reported line, and the message."""

    name: str
    good: str
    bad: str
    blamed: str
    message: str


PLANTS = {
    "paging by OFFSET": Plant(
        "chunks/list_by_document", "limit $4::int;", "limit $4::int offset 1000;",
        "limit $4::int offset 1000;", "no OFFSET: it reads what it skips; page by the last key",
    ),
    "no user_id": Plant(
        "documents/get", "d.user_id = $1::uuid and ", "",
        "from documents as d", "d.user_id is not tied to the tenant ($1)",
    ),
    "no user_id in one part of several": Plant(
        "documents/delete", "where j.user_id = $1::uuid and j.document_id", "where j.document_id",
        "    delete from ingestion_jobs as j", "j.user_id is not tied to the tenant ($1)",
    ),
    "a user_id that need not hold": Plant(
        "documents/get", "d.user_id = $1::uuid", "(d.user_id = $1::uuid or $1::uuid is null)",
        "from documents as d", "d.user_id is not tied to the tenant ($1)",
    ),
    "a row for another user": Plant(
        "documents/delete", "        $1::uuid as user_id,", "        $2::uuid as user_id,",
        "    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)",
        "user_id of the rows inserted into tenant_totals is not the tenant ($1)",
    ),
    "a user_id without its parameter": Plant(
        "documents/get", "-- $1 user_id    ", "-- $1 owner_id   ",
        "from documents as d", "no parameter is named user_id",
    ),
    "SELECT *": Plant(
        "users/get", "    u.id,\n", "    u.*,\n", "    u.*,", "columns are listed, never *",
    ),
    "a whole row": Plant(
        "users/get", "    u.id,\n", "    u,\n", "    u,", "u is a whole row; list its columns",
    ),
    "a column that can be null, declared not null": Plant(
        "documents/get", "error text null", "error text",
        "-- returns: id uuid", "the column error can be null: its header reads `error text null`",
    ),
    "a column of an outer join, declared not null": Plant(
        "indexes/list", "index_name name null", "index_name name",
        "-- returns: user_id uuid", "the column index_name can be null: its header reads `index_name name null`",
    ),
    "a column that cannot be null, declared null": Plant(
        "documents/get", "returns: id uuid, filename text,", "returns: id uuid, filename text null,",
        "-- returns: id uuid", "the column filename cannot be null, but its header says that it can",
    ),
    "a parameter compared with null, declared not null": Plant(
        "keys/list", "after    uuid null", "after    uuid     ",
        "-- $2 after", "$2 is compared with null: its header reads `after uuid null`",
    ),
    "a list without end": Plant(
        "chunks/list_by_document", "\nlimit $4::int;", ";",
        "-- chunks/list_by_document :many", "a :many statement has a LIMIT",
    ),
    "a header with a wrong type": Plant(
        "documents/get", "$2 document_id uuid", "$2 document_id text",
        "where d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null;", "$2 stands without a cast to text",
    ),
    "a parameter that the header does not know": Plant(
        "documents/get", "d.id = $2::uuid", "d.id = $3::uuid",
        "where d.user_id = $1::uuid and d.id = $3::uuid and d.file_id is null;", "$3 is not in the header",
    ),
    "a table that nobody made": Plant(
        "documents/get", "from documents as d", "from papers as d",
        "from papers as d", "there is no table papers",
    ),
    "a mistake of grammar": Plant(
        "documents/get", "where d.user_id", "were d.user_id",
        "were d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null;", "syntax error",
    ),
    "a changed session": Plant(
        "documents/get", "    d.id,\n", "    set_config('jit', 'on', false) as id,\n",
        "    set_config('jit', 'on', false) as id,", "set_config() is forbidden",
    ),
    "a long statement without a reason": Plant(
        "ingest/claim", "-- length: ", "--   ",
        "-- ingest/claim :one", "are more than 60: split it, or say why not in a line `-- length:`",
    ),
    "an index that no plan uses": Plant(
        "documents/get", "-- index: documents_pkey", "-- index: documents_pkey, documents_expires_idx",
        "-- index:", "the recorded plans use other indexes",
    ),
    "a right that nobody granted": Plant(
        "roles/grant_delete", "    documents,\n", "",
        "-- roles/grant_delete :ddl", "its grants differ from those that the statements need",
    ),
}  # fmt: skip


OF_ALL = {"an index that no plan uses", "a right that nobody granted"}
NAMED = (
    "paging by OFFSET", "no user_id in one part of several", "SELECT *", "an index that no plan uses",
    "a right that nobody granted",
)  # fmt: skip


def plant_in(root: Path, plant: Plant) -> str:
    """Change the copy of a statement below `root`; returns the file and line with which the fault must begin."""
    path = root / "sql" / f"{plant.name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "sql" / f"{plant.name}.sql").read_text()
    assert plant.good in text
    path.write_text(text.replace(plant.good, plant.bad, 1))
    lines = enumerate(path.read_text().splitlines(), 1)
    return f"{path}:{next(number for number, line in lines if line.startswith(plant.blamed))}: "


@pytest.mark.parametrize("name", sorted(PLANTS.keys() - OF_ALL))
def test_a_planted_fault_is_named_with_file_and_line(tmp_path: Path, tables: Tables, name: str) -> None:
    plant = PLANTS[name]
    blamed = plant_in(tmp_path, plant)
    folder = tmp_path / "sql"

    faults = [str(fault) for fault in check_statement(read_statement(folder / f"{plant.name}.sql", folder), tables)]

    assert any(fault.startswith(blamed) and plant.message in fault for fault in faults), faults


def test_make_check_reports_each_planted_fault_and_no_other(tmp_path: Path) -> None:
    for folder in ("sql", "migrations", "tests/plans/baselines"):
        copytree(ROOT / folder, tmp_path / folder)
    # The grants are checked only if the statements themselves have no faults.
    for names in (NAMED[:-1], NAMED[-1:]):
        blamed = sorted(plant_in(tmp_path, PLANTS[name]) for name in names)

        faults = [str(fault) for fault in check_all(tmp_path)]

        assert len(faults) == len(blamed)
        assert all(fault.startswith(place) for fault, place in zip(faults, blamed, strict=True)), faults
        copytree(ROOT / "sql", tmp_path / "sql", dirs_exist_ok=True)


def test_tables_that_differ_from_the_record_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = recorded_tables()
    used = recorded.pop("users/get")
    recorded |= {"users/list": TablesUsed(used.reads, used.reads), "users/gone": used}
    monkeypatch.setattr(record_tables, "recorded_tables", lambda: recorded)

    faults = [fault.message for fault in record_tables.record_faults(ROOT)]

    assert faults == [
        f"the tables of {name} are not as recorded; run: make record"
        for name in ("users/get", "users/gone", "users/list")
    ]


@pytest.mark.parametrize(
    ("body", "reads", "writes"),
    [
        ("select a.x from a, b as c, lateral f(a.x) as g;", "a b", ""),
        ("with a as (select 1), b as not materialized (select 2) select x from a, b, c;", "c", ""),
        ("select x from a for no key update of a;", "a", ""),
        ("insert into a (x) values (1) on conflict (x) do update set x = 2;", "", "a"),
        ("delete from a using b as c where a.x = c.x;", "b", "a"),
        ("update only a set x = 'from z' from b;", "b", "a"),
        ("create index concurrently if not exists i on a using hnsw (x);", "", "a"),
        ("grant select on a, b to service;", "", "a b"),
    ],
)
def test_the_tables_of_a_statement(write: Write, body: str, reads: str, writes: str) -> None:
    statement = write(f"-- planted/planted :exec\n-- A statement with tables.\n{body}\n")

    assert record_tables.tables_used(statement) == TablesUsed(tuple(reads.split()), tuple(writes.split()))
