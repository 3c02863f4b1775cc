"""A second check of tenancy in the database, which refuses a statement that reaches another tenant's row.

Each tenant table gets a policy that does not hide the rows of others, but raises an error when a statement reads or
writes one. PostgreSQL evaluates `user_id = …` first, since its operator is leakproof, so a statement that binds its
tenant never reaches the policy. Before each statement, a setting names the tenants whose rows it may see, which are
those bound to `user_id`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from svc.database import by_name
from svc.database.by_name import ByName
from svc.database.statements import Statement
from svc.settings import SERVICE_ROLE
from tests.sql.checker import RECEIVERS, ROOT, WITHOUT_TENANT
from tests.sql.tables import read_tables, schema_files

_EVERYBODY = "everybody"
# The high cost makes the planner evaluate the function for as few rows as possible.
_GUARD = """
create function guarded_row(tenant uuid) returns boolean language plpgsql stable cost 1000000 as $body$
begin
    if string_to_array(current_setting('guard.tenants', true), ',') && array['everybody', tenant::text] then
        return true;
    end if;
    raise exception 'a row of % is reached by a statement for %', tenant, current_setting('guard.tenants', true);
end
$body$
"""


async def raise_guard(url: str) -> None:
    """Guard the tenant tables of a migrated database against the role of the service. `url` is the owner's."""
    tables = read_tables(schema_files(ROOT))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_GUARD)
        for table in sorted(tables.tenant_tables):
            guard = f"guarded_row({tables.tenant_column(table)})"
            await connection.execute(f"alter table {table} enable row level security")
            await connection.execute(f"create policy guarded on {table} to {SERVICE_ROLE} using ({guard})")
    finally:
        await connection.close()


@contextmanager
def tenants_told() -> Iterator[None]:
    """For the block, set the tenant of each statement in the session before the statement runs."""
    entered = by_name._Run.__aenter__

    async def enter(run: by_name._Run) -> by_name._Run:
        await entered(run)
        told = tenants_of(run._statement, run._values)
        await run.connection.execute(f"select set_config('guard.tenants', '{told}', false)")
        return run

    async def copy(self: ByName, name: str, rows: Iterable[Sequence[Any]]) -> int:
        """Insert the rows instead, since PostgreSQL refuses COPY into a table with policies."""
        statement = self._statement(name, "copy")
        table, columns = statement.copy_target
        values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        records = list(rows)
        async with self._running(statement, records[0] if records else ()) as run:
            await run.connection.executemany(f"insert into {table} ({', '.join(columns)}) values ({values})", records)
            return len(records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_name._Run, "__aenter__", enter)
        patch.setattr(ByName, "copy_by_name", copy)
        yield


def tenants_of(statement: Statement, values: Sequence[Any]) -> str:
    """Return the tenants whose rows a statement with these values may reach."""
    if statement.name in WITHOUT_TENANT:
        return _EVERYBODY
    arguments = dict(zip(statement.parameter_names, values, strict=False))
    names = ("user_id", RECEIVERS.get(statement.name, "user_id"))
    return ",".join(sorted({str(arguments[name]) for name in names if name in arguments}))
