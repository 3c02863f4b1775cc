"""`schema.sql` is the schema that the migrations create, on both servers."""

from __future__ import annotations

import difflib

from tests.conftest import POSTGRES_VERSION
from tests.database.schema import SCHEMA, dump


async def test_the_schema_that_is_kept_is_the_one_that_the_migrations_make(database_url: str) -> None:
    kept, made = SCHEMA.read_text(encoding="utf-8"), dump(database_url, POSTGRES_VERSION)

    difference = "\n".join(
        difflib.unified_diff(kept.splitlines(), made.splitlines(), "schema.sql", "the migrations", lineterm="", n=2)
    )
    assert made == kept, f"the migrations create another schema; if this is intended, run: make schema\n{difference}"
