"""The line `index:` of a header lists the indexes of the recorded plans; a header that differs is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from svc.database.statements import Statement
from svc.plans.files import read_plan_file
from tests.sql.conftest import Write
from tests.sql.plan_headers import header_faults, rewritten, used_indexes

TEXT = """\
-- documents/planted :many
-- A user's documents, for a test.
-- $1 user_id uuid  the tenant
-- returns: id uuid
{index}select d.id from documents as d;
"""
PLANS = """\
[first]
arguments.user_id = "@tenant.user_id"
custom = '''
Append  (rows <= 2)
  Index Only Scan using documents_pkey on documents  (rows <= 1)
  Bitmap Heap Scan on documents  (rows <= 1)
    Bitmap Index Scan using documents_user_status_idx  (rows <= 1)
  Seq Scan on plans  (rows <= 3)
'''

[second]
arguments.user_id = "@tenant.user_id"
custom = '''
Insert on usage_days  (rows <= 1)
    Conflict Arbiter Indexes: usage_days_pkey, users_pkey
  Index Scan using chunk_vectors_hnsw_… on chunk_vectors  (rows <= 1)
'''
custom_16 = '''
Index Scan using chunks_pkey on chunks  (rows <= 1)
'''
"""
USED = [
    "documents_pkey", "documents_user_status_idx", "usage_days_pkey", "users_pkey", "chunk_vectors_hnsw_…",
    "chunks_pkey",
]  # fmt: skip


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """A folder with the recorded plans of the statement."""
    path = tmp_path / "plans" / "documents" / "planted.toml"
    path.parent.mkdir(parents=True)
    path.write_text(PLANS)
    return tmp_path / "plans"


def planted(write: Write, *names: str) -> Statement:
    return write(TEXT.format(index=f"-- index: {', '.join(names)}\n" if names else ""))


def test_every_index_of_every_plan_is_found_once(plans: Path) -> None:
    assert used_indexes(read_plan_file(plans / "documents" / "planted.toml")) == USED


def test_a_header_that_names_them_all_is_right(write: Write, plans: Path) -> None:
    assert header_faults([planted(write, *reversed(USED))], plans) == []


@pytest.mark.parametrize("names", [USED[:-1], [*USED, "documents_user_filename_idx"], ["chunks_pkey"], []])
def test_a_header_that_names_one_too_few_or_too_many_is_a_fault(write: Write, plans: Path, names: list[str]) -> None:
    statement = planted(write, *names)

    (fault,) = header_faults([statement], plans)

    assert str(fault).startswith(f"{statement.path}:{5 if names else 1}: the recorded plans use other indexes")
    assert f"`-- index: {', '.join(USED)}`" in fault.message


def test_a_header_names_no_index_where_no_plan_is_recorded(write: Write, tmp_path: Path) -> None:
    (fault,) = header_faults([planted(write, "documents_pkey")], tmp_path)

    assert fault.message == "no recorded plan uses an index: drop the line `-- index:`"
    assert header_faults([planted(write)], tmp_path) == []


@pytest.mark.parametrize("names", [(), ("users_pkey", "documents_user_filename_idx"), tuple(USED)])
def test_a_rewritten_header_is_right(write: Write, plans: Path, names: tuple[str, ...]) -> None:
    statement = planted(write, *names)

    again = write(rewritten(statement, USED))

    assert header_faults([again], plans) == []
    assert again.body == statement.body
    assert "-- index:" not in rewritten(statement, [])
