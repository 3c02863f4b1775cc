"""Fills every table of a database, with any set of migrations, with rows that an upgrade must keep.

Only the original columns of a table are named; added columns must have defaults.
"""

from __future__ import annotations

import hashlib
from typing import Any

# In the order of the foreign keys. ROWS stands for the number of users, BITS for the width of a signature, WIDTH for
# half of it.
ROWS = {
    "users": """
        insert into users (id, email, name, plan, preferences)
        select md5('u' || u)::uuid, 'user' || u || '@example.org', 'Ada ☂ ' || u, 'free', '{"theme": "dark"}'
        from generate_series(1, ROWS) as u""",
    "api_keys": """
        insert into api_keys (user_id, id, prefix, key_hash)
        select u.id, md5('k' || u.id)::uuid, 'cab_test', sha256(u.email::bytea) from users as u""",
    "documents": """
        insert into documents (
            user_id, id, filename, file_type, file_size, content_hash, status, chunk_count, metadata
        )
        select u.id, md5('d' || d || u.id)::uuid, 'file ' || d, 'text', 1000 * d, md5('f' || d)::uuid, 'ready', 3,
            '{"page": 1}'
        from users as u cross join generate_series(1, 4) as d""",
    "document_contents": """
        insert into document_contents (user_id, document_id, content)
        select d.user_id, d.id, decode(md5(d.id::text), 'hex') from documents as d""",
    "file_parts": """
        insert into file_parts (user_id, document_id, first_byte, content)
        select b.user_id, b.document_id, octet_length(b.content) + n, 'b'
        from document_contents as b cross join generate_series(0, 1) as n""",
    "ingestion_jobs": """
        insert into ingestion_jobs (user_id, document_id)
        select d.user_id, d.id from documents as d where d.filename = 'file 1'""",
    "chunks": """
        insert into chunks (user_id, id, document_id, chunk_index, content, content_hash, token_count)
        select d.user_id, md5('c' || c || d.id)::uuid, d.id, c, 'chunk ' || c, md5('chunk ' || c)::uuid, 7
        from documents as d cross join generate_series(0, 2) as c""",
    "tenant_totals": "insert into tenant_totals (user_id, chunk_count) select u.id, 12 from users as u",
    "collections": """
        insert into collections (user_id, id, name, metadata)
        select u.id, md5('l' || l || u.id)::uuid, 'Papers ' || l, '{"shelf": 1}'
        from users as u cross join generate_series(1, 2) as l""",
    "file_batches": """
        insert into file_batches (user_id, collection_id, id)
        select l.user_id, l.id, md5('b' || l.id)::uuid from collections as l""",
    "collection_files": """
        insert into collection_files (user_id, collection_id, file_id, document_id, batch_id, attributes)
        select l.user_id, l.id, d.id, d.id, b.id, '{"year": 2026}'
        from collections as l inner join documents as d using (user_id)
        inner join file_batches as b on b.user_id = l.user_id and b.collection_id = l.id""",
    "collection_readers": """
        insert into collection_readers (user_id, collection_id, id, reader_id)
        select l.user_id, l.id, md5('r' || l.id)::uuid, null from collections as l""",
    "uploads": """
        insert into uploads (user_id, id, filename, purpose, mime_type, file_bytes, expires_at)
        select u.id, md5('p' || u.id)::uuid, 'moon.pdf', 'assistants', 'application/pdf', 7, '2026-11-01T00:00:00Z'
        from users as u""",
    "upload_parts": """
        insert into upload_parts (user_id, upload_id, id, part_bytes)
        select p.user_id, p.id, md5('q' || p.id)::uuid, 7 from uploads as p""",
    "upload_bytes": """
        insert into upload_bytes (user_id, upload_id, part_id, first_byte, content)
        select q.user_id, q.upload_id, q.id, 0, 'the Mo' from upload_parts as q""",
    "conversations": """
        insert into conversations (user_id, id, title, message_count)
        select u.id, md5('v' || v || u.id)::uuid, 'About ' || v, 5
        from users as u cross join generate_series(1, 3) as v""",
    "conversation_documents": """
        insert into conversation_documents (user_id, conversation_id, document_id)
        select v.user_id, v.id, d.id from conversations as v inner join documents as d using (user_id)""",
    "messages": """
        insert into messages (user_id, conversation_id, position, id, role, content, token_count)
        select v.user_id, v.id, m, md5('m' || m || v.id)::uuid, case m when 1 then 'system' else 'user' end, 'said', 2
        from conversations as v cross join generate_series(1, 5) as m""",
    "chunk_vectors": """
        insert into chunk_vectors (user_id, chunk_id, document_id, embedding, signature)
        select c.user_id, c.id, c.document_id,
            array_fill(0.5::real, array[256])::halfvec(256), repeat('10', WIDTH)::bit(BITS)
        from chunks as c""",
    "chunk_terms": """
        insert into chunk_terms (user_id, chunk_id, document_id, keys, weights)
        select c.user_id, c.id, c.document_id, array[7, 9], '{7:0.5,9:0.25}/1000000000' from chunks as c""",
    "message_jobs": """
        insert into message_jobs (user_id, conversation_id) select v.user_id, v.id from conversations as v""",
    "message_vectors": """
        insert into message_vectors (user_id, conversation_id, position, piece, role, created_at, embedding, signature)
        select m.user_id, m.conversation_id, m.position, 0, m.role, m.created_at,
            array_fill(0.5::real, array[256])::halfvec(256), repeat('10', WIDTH)::bit(BITS)
        from messages as m""",
    "message_terms": """
        insert into message_terms (user_id, conversation_id, position, role, created_at, keys, weights)
        select m.user_id, m.conversation_id, m.position, m.role, m.created_at, array[7], '{7:0.5}/1000000000'
        from messages as m""",
    "term_samples": """
        insert into term_samples (user_id, kind, text_count, sampled, other_share)
        select u.id, 'chunk', 12, 12, 0.08 from users as u""",
    "term_stats": "insert into term_stats (user_id, kind, term, share) select u.id, 'chunk', 7, 1 from users as u",
    "term_jobs": "insert into term_jobs (user_id) select u.id from users as u",
    "idempotency_keys": """
        insert into idempotency_keys (user_id, route, key, request_digest, result)
        select u.id, 'POST /documents', 'key', sha256(u.email::bytea), '{"id": 1}' from users as u""",
    "usage_days": """
        insert into usage_days (user_id, day, slot, searches)
        select u.id, date '2026-11-01', 3, 17 from users as u""",
    "usage_flushes": """
        insert into usage_flushes (source, sequence, flushed_at)
        select md5('s' || s)::uuid, s, '2026-11-01T00:00:00Z' from generate_series(1, ROWS) as s""",
}  # fmt: skip
COMPUTED = {"tenant_totals": {"conversation_count", "message_count", "key_count"}}
"""Columns that a migration computes from existing rows."""
# Filled by the migration that creates it, and by applying migrations.
NOT_FILLED = {"plans", "embedding_model", "schema_migrations"}

COLUMNS = """
    select c.relname as name, array_agg(quote_ident(a.attname) order by a.attname) as columns
    from pg_class as c inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace group by c.relname"""


async def columns_of(connection: Any) -> dict[str, list[str]]:
    """Every table with its columns."""
    return {row["name"]: row["columns"] for row in await connection.fetch(COLUMNS)}


async def fill(connection: Any, users: int, bits: int) -> None:
    """Insert rows into every existing table."""
    there = await columns_of(connection)
    assert set(there) <= set(ROWS) | NOT_FILLED, "a table has no rows here: add it to ROWS"
    for table, statement in ROWS.items():
        if table in there:
            text = statement.replace("ROWS", str(users)).replace("WIDTH", str(bits // 2)).replace("BITS", str(bits))
            await connection.execute(text)


async def contents(connection: Any, columns: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
    """For each table, the number of its rows and a digest of these columns."""
    found = {}
    for table, names in columns.items():
        if table in NOT_FILLED:
            continue
        kept = ", ".join(name for name in names if name not in COMPUTED.get(table, ()))
        rows = await connection.fetch(f"select row({kept})::text as line from {table} order by line")
        lines = "\n".join(row["line"] for row in rows)
        found[table] = (len(rows), hashlib.sha256(lines.encode()).hexdigest())
    return found
