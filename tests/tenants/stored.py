"""All rows of a tenant, found with the system catalogs, so that no table can be missed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

# A hash of the rows of a tenant in the order of their keys; `{left_out}` is an array of the ignored columns.
HASH = """
select encode(sha256(convert_to(coalesce(string_agg(r.line, e'\\n' order by r.line), ''), 'UTF8')), 'hex')
from (select (to_jsonb(t) - {left_out}::text[])::text as line from {table} as t where t.{column} = $1) as r
"""


async def tenant_tables(connection: Any) -> dict[str, list[str]]:
    """Each table with a column `user_id`, and `users`, with its columns."""
    rows = await connection.fetch(
        "select c.relname, array_agg(a.attname::text order by a.attnum) as columns"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace group by c.relname"
    )
    tables = {row["relname"]: row["columns"] for row in rows}
    found = {name: columns for name, columns in tables.items() if "user_id" in columns or name == "users"}
    assert len(found) >= 15, "the tenant tables were not found"
    return found


async def hashes(connection: Any, user_id: UUID, left_out: dict[str, list[str]]) -> dict[str, str]:
    """A hash of the rows of a tenant in each table, without the columns in `left_out`; `[]` omits the table."""
    return {
        table: await connection.fetchval(
            HASH.format(
                table=table,
                column="id" if table == "users" else "user_id",
                left_out=f"array{left_out[table]}" if table in left_out else "'{}'",
            ),
            user_id,
        )
        for table in await tenant_tables(connection)
        if left_out.get(table) != []
    }


async def mentions(connection: Any, user_id: UUID) -> dict[str, int]:
    """The rows of every table of every schema that contain the id in any column, as text or as bytes.

    This includes the names of tables and indexes, as `pg_class`.
    """
    tables = await connection.fetch(
        "select format('%I.%I', n.nspname, c.relname) as name from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    )
    assert len(tables) >= 18, "the tables were not found"
    patterns = [f"%{user_id}%", f"%{user_id.hex}%"]
    counts = {
        row["name"]: await connection.fetchval(
            f"select count(*) from {row['name']} as t where t::text ilike any($1::text[])", patterns
        )
        for row in tables
    }
    counts["pg_class"] = await connection.fetchval(
        "select count(*) from pg_class where relname ilike any($1::text[])", patterns
    )
    return {name: count for name, count in counts.items() if count}
