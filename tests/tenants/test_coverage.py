"""Every table and column of a tenant is exported, imported and erased, or listed here with a reason."""

from __future__ import annotations

from typing import Any

from svc.database.statements import load_statements
from svc.resources import resource_folder
from svc.tenants.imports import STORED_BY
from svc.tenants.records import FENCE, exported_tables
from tests.tenants.stored import tenant_tables

STATEMENTS = load_statements(resource_folder("sql"))

NOT_EXPORTED = {
    "tenant_totals": "recomputed by the import",
    "ingestion_jobs": "a queue: the import queues what is not done",
    "message_jobs": "a queue: the import queues what has no vector",
    "chunk_terms": "recomputed from the text, by the rules and in the language of the Cabinet that imports it",
    "message_terms": "the same",
    "term_samples": "taken again",
    "term_stats": "the same",
    "term_jobs": "a queue: the import queues the user",
    "collection_readers": "who may read is decided where the collection is: other users are not part of an export",
    "uploads": "not documents yet, and an hour old at most",
    "upload_parts": "the same",
    "upload_bytes": "the same",
    "idempotency_keys": "of requests to this Cabinet, and a day old at most",
}
COLUMNS_NOT_EXPORTED = {
    ("api_keys", "key_hash"): "no export lets anybody in",
    ("document_contents", "removed_at"): "the remaining rows of a deleted document are not exported",
}
NOT_STORED = {"api_keys": "a key without its hash opens nothing"}


async def test_every_column_of_every_table_is_exported(observer: Any) -> None:
    tables, exported = await tenant_tables(observer), exported_tables(STATEMENTS)
    assert tables.keys() == exported.keys() | NOT_EXPORTED.keys()
    for table, statement in exported.items():
        written = {column.name for column in statement.columns} - {FENCE}
        left_out = {name for of, name in COLUMNS_NOT_EXPORTED if of == table}
        assert written | left_out == set(tables[table]) - {"user_id"}, f"export/{table}.sql"
        assert not written & left_out


def test_every_exported_column_is_imported() -> None:
    exported = exported_tables(STATEMENTS)
    assert STORED_BY.keys() == exported.keys()
    assert {table for table, name in STORED_BY.items() if name is None} == NOT_STORED.keys()
    for table, name in STORED_BY.items():
        if name in (None, "import/conversation_documents", "import/collection_files"):
            continue
        columns = {column.name: column.type for column in exported[table].columns if column.name != FENCE}
        tenant, *parameters = STATEMENTS[str(name)].parameters
        assert tenant.name == "user_id"
        if table == "users":
            del columns["id"]
        assert {parameter.name: parameter.type for parameter in parameters} == columns, name


async def test_an_erasure_counts_the_rows_of_every_table(observer: Any) -> None:
    counted = {column.name for column in STATEMENTS["users/delete"].columns}
    assert counted == (await tenant_tables(observer)).keys()
    for part in ("users/erase_documents", "users/erase_conversations", "users/erase_collections"):
        assert {column.name for column in STATEMENTS[part].columns} <= counted


async def test_no_other_table_references_a_tenant(observer: Any) -> None:
    """The tests above would miss a tenant table that refers to users in another column than `user_id`."""
    referring = await observer.fetch(
        "select distinct c.conrelid::regclass::text as name from pg_constraint as c"
        " where c.contype = 'f' and c.confrelid = any(array(select t::regclass from unnest($1::text[]) as t))",
        list(await tenant_tables(observer)),
    )
    assert {row["name"] for row in referring} <= (await tenant_tables(observer)).keys()
