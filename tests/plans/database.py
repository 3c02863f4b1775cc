"""The database on which plans are recorded and compared: 500 tenants from 1 to 20,000 chunks, 100,000 messages.

    python -m tests.plans.database --data-dir FOLDER [--postgres-version 16]

makes it in a folder, for `cabinet sql explain` and `cabinet sql baseline`; the tests make it in their own server. Ids,
sizes and texts are always the same, and statistics use every row, so the planner has the same input each time. Vectors
have the 256 dimensions of the local model and are noise, since plans do not depend on their contents.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from svc.database.statements import load_statements
from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from svc.resources import resource_folder
from svc.search.index_plan import IndexStep
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings
from svc.vectors.signatures import signature_bits, signatures

USERS = 500
MESSAGES = 100_000
LARGEST_TENANT = 20_000
# The largest tenant with an own index, which takes a second to build; that of the largest tenant takes six.
_INDEXED_USER = 3

# Rows of large tables are inserted in the order of time, with tenants mixed, as in practice, so no table is sorted by
# tenant. `made` numbers ids so that they also sort by time.
_FILL = [
    # Autovacuum would collect statistics at any time, from rows that may not be visible to all.
    """
    do $$
    declare name text;
    begin
        for name in
            select t.relname from pg_class as t where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
        loop
            execute format('alter table %I set (autovacuum_enabled = false)', name);
        end loop;
    end
    $$
    """,
    # A uuid of version 7 that sorts by its number; the kind shows a reader the table.
    """
    create function made(kind integer, number bigint) returns uuid language sql immutable as $$
        select ('0190000' || kind || '-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
    $$
    """,
    f"""
    create table sizes as
    select n as number, made(0, n) as user_id, greatest(1, floor({LARGEST_TENANT} / n ^ 1.3))::int as chunk_count
    from generate_series(1, {USERS}) as n
    """,
    """
    insert into users (id, email, name, plan, created_at)
    select
        s.user_id, 'user-' || s.number || '@example.org', 'User ' || s.number, 'enterprise', now() - interval '90 days'
    from sizes as s
    """,
    """
    insert into api_keys (user_id, id, name, prefix, key_hash, last_used_at)
    select
        s.user_id, made(1, k.number * 1000 + s.number), 'key', 'cab_made',
        sha256((k.number || '/' || s.number)::bytea), now() - interval '1 hour'
    from sizes as s cross join generate_series(1, 3) as k (number)
    order by k.number, s.number
    """,
    # Four chunks for each document; every tenth document of a tenant failed, and the newest one is still in the queue.
    """
    create table made_documents as
    select
        row_number() over (order by md5(d.number || '/' || s.number)) as number,
        s.user_id,
        s.number as user_number,
        d.number as place,
        least(4, s.chunk_count - 4 * (d.number - 1)) as chunk_count
    from sizes as s cross join lateral generate_series(1, (s.chunk_count + 3) / 4) as d (number)
    """,
    """
    insert into documents (
        user_id, id, filename, file_type, file_size, status, error, attempt, progress, chunk_count, metadata,
        created_at, content_hash, expires_at
    )
    select
        d.user_id, made(2, d.number), 'file-' || d.place || '.txt',
        (array['text', 'markdown', 'html', 'pdf', 'csv', 'docx'])[1 + d.place % 6],
        64, 'ready', null, 1, 1, d.chunk_count,
        jsonb_build_object('topic', 'topic-' || d.place % 50, 'of_1000', d.place % 1000),
        now() - interval '60 days' + d.number * interval '1 minute',
        md5(d.place::text)::uuid,
        case when d.place % 50 = 0 then now() - interval '2 hours' + d.number * interval '1 minute' end
    from made_documents as d
    order by d.number
    """,
    """
    insert into documents (user_id, id, filename, file_type, file_size, content_hash, status, error, attempt)
    select s.user_id, made(3, s.number), 'failed.pdf', 'pdf', 64, made(3, s.number), 'error',
        'the file is damaged', 1
    from sizes as s
    """,
    """
    insert into documents (user_id, id, filename, file_type, file_size, content_hash, attempt, replaces)
    select s.user_id, made(4, s.number), 'queued.pdf', 'pdf', 64, made(4, s.number), 1, 'failed.pdf' from sizes as s
    """,
    """
    insert into ingestion_jobs (user_id, document_id, attempt, due_at)
    select s.user_id, made(4, s.number), 1, now() - interval '1 hour' + s.number * interval '1 second' from sizes as s
    """,
    """
    insert into document_contents (user_id, document_id, content)
    select d.user_id, d.id, sha512(d.id::text::bytea) from documents as d order by d.id
    """,
    """
    insert into file_parts (user_id, document_id, first_byte, content)
    select d.user_id, d.id, 64 * n, sha512(d.id::text::bytea)
    from documents as d cross join generate_series(1, 3) as n order by d.id, n
    """,
    # The ids of uploads and of their parts are those of documents, so that the sample of a document finds them.
    """
    insert into uploads (user_id, id, filename, purpose, mime_type, file_bytes, status, expires_at)
    select
        d.user_id, d.id, 'moon.pdf', 'assistants', 'application/pdf', 64, 'cancelled',
        case when d.chunk_count % 7 = 6 then now() - interval '1 hour' else now() + interval '1 hour' end
    from documents as d order by d.id
    """,
    """
    insert into upload_parts (user_id, upload_id, id, part_bytes)
    select u.user_id, u.id, u.id, 64 from uploads as u order by u.id
    """,
    """
    insert into upload_bytes (user_id, upload_id, part_id, first_byte, content)
    select p.user_id, p.upload_id, p.id, 0, sha512(p.id::text::bytea) from upload_parts as p order by p.id
    """,
    # The remaining rows of a deleted document, of some tenants.
    """
    insert into document_contents (user_id, document_id, content, removed_at)
    select s.user_id, made(9, 1000 + s.number), 'bytes', now() from sizes as s where s.number <= 40
    """,
    """
    insert into chunks (user_id, id, document_id, chunk_index, content, content_hash, token_count)
    select
        d.user_id, made(5, 4 * d.number + c.number), made(2, d.number), c.number,
        repeat(md5(d.number || '/' || c.number) || ' ', 6),
        md5(d.number || '/' || c.number)::uuid, 100
    from made_documents as d cross join lateral generate_series(0, d.chunk_count - 1) as c (number)
    order by d.number, c.number
    """,
    """
    insert into tenant_totals (user_id, chunk_count, document_count, byte_count, token_month, token_count)
    select
        d.user_id, sum(d.chunk_count), count(*), sum(d.file_size), date_trunc('month', now() at time zone 'utc'), 1000
    from documents as d group by d.user_id
    """,
    """
    insert into usage_days (user_id, day, slot, requests, searches, uploads, bytes, messages, tokens)
    select s.user_id, d.day, 1 + s.number % 8, s.chunk_count, s.chunk_count, 1, 64, 10, 100
    from generate_series(1, 90) as n (number)
    cross join lateral (select date '2026-01-01' + n.number as day) as d
    cross join sizes as s
    order by d.day, s.number
    """,
    # Three collections of each of the hundred largest tenants: all their documents, fifty, and one that has expired.
    # The files of each are in one batch. Five files were removed from the second.
    """
    create table made_collections as
    select 10 * s.number + c.place as number, s.user_id, s.number as user_number, c.place
    from sizes as s cross join generate_series(1, 3) as c (place)
    where s.number <= 100
    """,
    """
    insert into collections (user_id, id, name, expires_after_s, last_active_at, expires_at)
    select
        c.user_id, made(6, c.number), 'collection ' || c.place, case when c.place = 3 then 60 end,
        now() - interval '1 hour', case when c.place = 3 then now() - c.user_number * interval '1 minute' end
    from made_collections as c order by c.number
    """,
    """
    insert into file_batches (user_id, collection_id, id)
    select c.user_id, made(6, c.number), made(7, c.number) from made_collections as c order by c.number
    """,
    """
    insert into collection_files (
        user_id, collection_id, file_id, document_id, batch_id, seq, attributes, left_at
    )
    select
        c.user_id, made(6, c.number), made(2, d.number),
        case when c.place <> 2 or d.place > 5 then made(2, d.number) end, made(7, c.number),
        made(8, d.number), jsonb_build_object('year', 2000 + d.place % 20),
        case when c.place = 2 and d.place <= 5 then now() - interval '2 days' end
    from made_collections as c
    inner join made_documents as d on c.user_id = d.user_id and d.place <= case c.place when 1 then 10000 else 50 end
    order by d.number, c.number
    """,
    # Each user reads two collections of each of up to 20 larger tenants; ten collections are read by everyone.
    """
    insert into collection_readers (user_id, collection_id, id, reader_id)
    select c.user_id, made(6, c.number), made(9, 100 * c.number + n.number), r.user_id
    from made_collections as c
    cross join generate_series(0, 20) as n (number)
    left join sizes as r on n.number > 0 and r.number = c.user_number + n.number
    where c.place <= 2 and (n.number > 0 or c.place = 1 and c.user_number % 10 = 0)
    order by n.number, c.number
    """,
    # Up to 200 conversations for each tenant. The first is the longest; the largest tenant has one with 5,000 messages.
    """
    create table made_conversations as
    select
        row_number() over (order by md5(c.number || '/' || s.number)) as number,
        s.user_id,
        s.number as user_number,
        c.number as place
    from sizes as s cross join lateral generate_series(1, least(200, 5 + s.chunk_count / 10)) as c (number)
    """,
    """
    insert into conversations (user_id, id, title, expires_at)
    select
        c.user_id, made(6, c.number), 'conversation ' || c.place,
        case when c.place % 50 = 0 then now() - interval '2 hours' + c.number * interval '1 minute' end
    from made_conversations as c order by c.number
    """,
    """
    insert into conversation_documents (user_id, conversation_id, document_id)
    select c.user_id, made(6, c.number), made(2, d.number)
    from made_conversations as c
    inner join made_documents as d on c.user_id = d.user_id and d.place between c.place and c.place + 1
    order by c.number
    """,
    f"""
    create table made_messages as
    select c.user_id, made(6, c.number) as conversation_id, m.position
    from (
        select c.user_id, c.number, case when c.user_number = 1 and c.place = 1 then 5000
            when c.place = 1 then 200 else 10 end as message_count
        from made_conversations as c
    ) as c cross join lateral generate_series(1, c.message_count) as m (position)
    order by m.position, c.number
    limit {MESSAGES}
    """,
    """
    insert into messages (user_id, conversation_id, position, id, role, content, token_count, created_at)
    select
        m.user_id, m.conversation_id, m.position, made(7, row_number() over (order by m.position, m.conversation_id)),
        case when m.position % 100 = 1 then 'system' when m.position % 2 = 0 then 'user' else 'assistant' end,
        repeat(md5(m.conversation_id::text || m.position) || ' ', 3), 25,
        now() - interval '30 days' + m.position * interval '1 minute'
    from made_messages as m
    order by m.position, m.conversation_id
    """,
    """
    update conversations as c
    set message_count = m.message_count
    from (
        select m.conversation_id, count(*) as message_count from made_messages as m group by m.conversation_id
    ) as m
    where c.id = m.conversation_id
    """,
    """
    insert into message_jobs (user_id, conversation_id, due_at, lease)
    select c.user_id, made(6, c.number), now() - interval '1 hour' + c.number * interval '1 second', made(8, c.number)
    from made_conversations as c where c.place <= 2
    """,
    # A tenant during an import: nothing is counted or queued yet, and the bytes of some documents are missing.
    f"""
    insert into users (id, email, plan) values (made(0, {USERS + 1}), 'newcomer@example.org', 'enterprise')
    """,
    f"""
    insert into documents (user_id, id, filename, file_type, file_size, content_hash)
    select made(0, {USERS + 1}), made(9, n), 'imported-' || n || '.txt', 'text', 64, made(9, n)
    from generate_series(1, 40) as n
    """,
    f"""
    insert into document_contents (user_id, document_id, content)
    select made(0, {USERS + 1}), made(9, n), 'bytes' from generate_series(1, 30) as n
    """,
    f"""
    insert into conversations (user_id, id, message_count)
    select made(0, {USERS + 1}), made(6, 1000000 + n), 1 from generate_series(1, 20) as n
    """,
    f"""
    insert into messages (user_id, conversation_id, position, role, content, token_count)
    select made(0, {USERS + 1}), made(6, 1000000 + n), 1, 'user', 'imported', 1 from generate_series(1, 15) as n
    """,
    """
    insert into idempotency_keys (user_id, route, key, request_digest, result, created_at)
    select s.user_id, 'POST /documents', 'key-' || k.number, sha256(k.number::text::bytea), '{}',
        now() - k.number * interval '30 minutes'
    from sizes as s cross join generate_series(1, 40) as k (number)
    order by k.number desc, s.number
    """,
    """
    insert into usage_flushes (source, sequence, flushed_at)
    select made(7, n), n, now() - n * interval '1 minute' from generate_series(1, 2000) as n
    """,
]
# As in real texts, some of 2,000 terms are in half of the texts, and most are in few. The embedded messages have terms.
_TERMS = [
    """
    create table salts as
    select
        u.id as user_id,
        (('x' || substr(encode(sha256(uuid_send(u.id)), 'hex'), 1, 8))::bit(32)::int8 >> 1)::int as salt
    from users as u
    """,
    """
    create function made_terms(seed bigint) returns table (term integer) language sql immutable as $$
        select distinct floor(2000 ^ ((hashint8extended(n, seed) & 1023) / 1024.0))::int
        from generate_series(1, 16) as n
    $$
    """,
    """
    insert into chunk_terms (user_id, chunk_id, document_id, keys, weights)
    select
        c.user_id, c.id, c.document_id, array_agg(t.term # s.salt order by t.term),
        ('{' || string_agg(t.term || ':0.5', ',' order by t.term) || '}/1000000000')::sparsevec
    from chunks as c
    inner join salts as s on c.user_id = s.user_id
    cross join lateral made_terms(uuid_hash_extended(c.id, 0)) as t
    group by c.user_id, c.id, c.document_id
    order by c.id
    """,
    """
    insert into message_terms (user_id, conversation_id, position, role, created_at, keys, weights)
    select
        m.user_id, m.conversation_id, m.position, m.role, m.created_at, array_agg(t.term # s.salt order by t.term),
        ('{' || string_agg(t.term || ':0.5', ',' order by t.term) || '}/1000000000')::sparsevec
    from messages as m
    inner join salts as s on m.user_id = s.user_id
    cross join lateral made_terms(uuid_hash_extended(m.id, 0)) as t
    where m.user_id <= made(0, 40)
    group by m.user_id, m.conversation_id, m.position, m.role, m.created_at
    order by m.position, m.conversation_id
    """,
    """
    insert into term_samples (user_id, kind, text_count, sampled, other_share)
    select s.user_id, 'chunk', s.chunk_count, least(2000, s.chunk_count), 0.001 from sizes as s
    union all
    select t.user_id, 'message', count(*), least(2000, count(*)), 0.001 from message_terms as t group by t.user_id
    """,
    """
    insert into term_stats (user_id, kind, term, share)
    select t.user_id, 'chunk', k.key # min(s.salt), count(*)::real / min(p.text_count)
    from chunk_terms as t
    inner join salts as s on t.user_id = s.user_id
    inner join term_samples as p on t.user_id = p.user_id and p.kind = 'chunk'
    cross join lateral unnest(t.keys) as k (key)
    group by t.user_id, k.key
    having count(*) >= 0.002 * min(p.text_count)
    """,
    """
    update term_samples as p
    set terms = c.terms, shares = c.shares
    from (
        select t.user_id, array_agg(t.term order by t.term) as terms, array_agg(t.share order by t.term) as shares
        from term_stats as t
        group by t.user_id
    ) as c
    where p.user_id = c.user_id and p.kind = 'chunk'
    """,
    """
    insert into term_jobs (user_id, due_at)
    select s.user_id, now() - interval '1 hour' + s.number * interval '1 second' from sizes as s where s.number <= 100
    """,
    "drop function made_terms",
    "drop table salts",
]
_CHUNKS = "select k.user_id, k.id, k.document_id from chunks as k order by k.id"
# The messages of the largest tenants are embedded.
_EMBEDDED_MESSAGES = """
    select m.user_id, m.conversation_id, m.position, m.role, m.created_at
    from messages as m where m.user_id <= made(0, 40) order by m.id
"""
_FINISH = [
    "drop table sizes, made_documents, made_collections, made_conversations, made_messages",
    "drop function made",
    "vacuum (freeze, analyze)",
]
_NOT_VISIBLE = """
    select count(*) from pg_class as t
    where t.relnamespace = 'public'::regnamespace and t.relkind = 'r' and t.relallvisible < t.relpages
"""


async def fill(url: str, settings: Settings) -> None:
    """Fill a migrated, empty database."""
    statements = load_statements(resource_folder("sql"))
    # Statistics of every row, so that they are equal in every run.
    # Foreign keys are not checked, since the test generates consistent rows.
    session = {
        "default_statistics_target": "1000", "session_replication_role": "replica", "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
    }  # fmt: skip
    connection = await asyncpg.connect(url, server_settings=session)
    try:
        for text in _FILL:
            await connection.execute(text)
        for text in _TERMS:
            await connection.execute(text)
        await _copy_vectors(connection, settings.dimensions)
        indexed = await connection.fetchval("select made(0, $1)", _INDEXED_USER)
        step = IndexStep(
            user_id=indexed, index_name=f"chunk_vectors_hnsw_{indexed.hex}", reason="", creates=True, drops=False,
            has_index=True, estimate_s=0, memory_mb=0, is_dense=False,
        )  # fmt: skip
        builder = await IndexBuilder.open(url, statements)
        await builder.apply(step)
        await builder.close()
        for text in _FINISH:
            await connection.execute(text)
        await _make_visible(connection)
    finally:
        await connection.close()


async def _make_visible(connection: Any) -> None:
    """Vacuum until every page is marked all-visible, which another session's snapshot can prevent."""
    for _ in range(100):
        if not await connection.fetchval(_NOT_VISIBLE):
            return
        await asyncio.sleep(0.1)
        await connection.execute("vacuum (freeze)")
    raise AssertionError("a long-lived snapshot prevents pages from being all-visible")


async def _copy_vectors(connection: Any, dimensions: int) -> None:
    chunks = await connection.fetch(_CHUNKS)
    # Enough different vectors that no two neighbours are equal; numpy would take seconds for one for each row.
    vectors = np.random.default_rng(1).standard_normal((2_048, dimensions), dtype=np.float32)
    halves, bits = vectors.astype(">f2"), signatures(vectors)
    await _copy(
        connection, "chunk_vectors", len(chunks),
        {
            "user_id": _uuids(chunks, "user_id"), "chunk_id": _uuids(chunks, "id"),
            "document_id": _uuids(chunks, "document_id"), **_stored(halves, bits, len(chunks)),
        },
    )  # fmt: skip
    messages = await connection.fetch(_EMBEDDED_MESSAGES)
    epoch = np.datetime64("2000-01-01T00:00:00", "us")
    moments = np.array([row["created_at"].replace(tzinfo=None) for row in messages], dtype="datetime64[us]") - epoch
    for role in ("system", "user", "assistant"):
        chosen = np.array([row["role"] == role for row in messages])
        rows = [row for row in messages if row["role"] == role]
        await _copy(
            connection, "message_vectors", len(rows),
            {
                "user_id": _uuids(rows, "user_id"), "conversation_id": _uuids(rows, "conversation_id"),
                "position": np.array([row["position"] for row in rows], dtype=">i8"),
                "piece": np.zeros(len(rows), dtype=">i4"),
                "role": np.full(len(rows), role.encode(), dtype=f"S{len(role)}"),
                "created_at": moments[chosen].astype("int64").astype(">i8"),
                **_stored(halves, bits, len(rows)),
            },
        )  # fmt: skip


def _uuids(rows: list[Any], column: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(row[column].bytes for row in rows), dtype="V16")


def _stored(halves: NDArray[Any], bits: Any, count: int) -> dict[str, NDArray[Any]]:
    """This number of vectors and signatures in COPY's format: a halfvec begins with its width, bits with their
    number."""
    chosen = np.arange(count) % len(halves)
    width, length = halves.shape[1], signature_bits(halves.shape[1])
    embedding = np.zeros(len(halves), dtype=[("width", ">i2"), ("unused", ">i2"), ("numbers", ">f2", (width,))])
    embedding["width"], embedding["numbers"] = width, halves
    signature = np.zeros(len(halves), dtype=[("length", ">i4"), ("bits", f"V{length // 8}")])
    signature["length"], signature["bits"] = length, np.frombuffer(b"".join(bits), dtype=f"V{length // 8}")
    return {"embedding": embedding[chosen], "signature": signature[chosen]}


async def _copy(connection: Any, table: str, count: int, columns: Mapping[str, NDArray[Any]]) -> None:
    """Send columns in a binary COPY, all rows together."""
    row: list[Any] = [("count", ">i2")]
    for name, values in columns.items():
        row += [(f"{name} size", ">i4"), (name, values.dtype)]
    rows = np.zeros(count, dtype=row)
    rows["count"] = len(columns)
    for name, values in columns.items():
        rows[f"{name} size"], rows[name] = values.dtype.itemsize, values
    source = BytesIO(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff")
    await connection.copy_to_table(table, source=source, columns=list(columns), format="binary")


async def _make(folder: Path, version: Any) -> None:
    settings = Settings()
    server = await start_embedded(folder, version)
    try:
        await apply_migrations(settings, server.url)
        await fill(server.url, settings)
        # Commits that did not wait for the disk must survive the end of the server.
        connection = await asyncpg.connect(server.url)
        await connection.execute("checkpoint")
        await connection.close()
    finally:
        server.stop()


def main() -> None:
    """Make the database in a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--postgres-version", choices=["16", "18"], default="18")
    arguments = parser.parse_args()
    started = time.monotonic()
    asyncio.run(_make(arguments.data_dir, arguments.postgres_version))
    print(f"{arguments.data_dir}: made in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
