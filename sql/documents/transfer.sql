-- documents/transfer :one
-- Gives documents to another user, with their bytes, chunks, vectors and jobs: by copy and delete, since the
-- tenant of a row is never changed in place. Ids stay. A job that a worker holds is due again at once, as an
-- attempt of the new owner's; the attempt's number has risen, so that the worker changes nothing more, also
-- when the document has come back meanwhile. What was to replace other documents replaces none of the new
-- owner's. The counts of both users are taken in one order, whoever gives to whom; the rules of tenant_totals
-- end it where the receiver would go past a limit of their plan.
-- $1 user_id        uuid       the tenant
-- $2 to_user        uuid       the user who is given; nothing of theirs is read but the count
-- $3 document_ids   uuid[]     each once, at most 1000; held by documents/hold
-- $4 document_limit int8 null  of the receiver's plan; null: none
-- $5 chunk_limit    int8 null
-- $6 byte_limit     int8 null
-- returns: documents int8, chunks int8
-- index: documents_pkey, document_contents_pkey, chunks_document_index_key, chunk_vectors_signature_idx,
--   ingestion_jobs_pkey, tenant_totals_pkey, documents_user_filename_idx
-- length: all tables of a document change hands together or not at all
with given as (
    insert into documents as g (
        user_id, id, filename, file_type, file_size, status, error, attempt, progress, chunk_count, metadata,
        created_at, content_hash, expires_at
    )
    select
        $2::uuid as user_id,
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.status,
        d.error,
        case
            when d.status <> 'processing' then d.attempt
            else 1 + greatest(
                d.attempt,
                (
                    select j.attempt
                    from ingestion_jobs as j
                    where j.user_id = $1::uuid and j.document_id = d.id
                )
            )
        end as attempt,
        case when d.status = 'processing' then 0 else d.progress end as progress,
        d.chunk_count,
        d.metadata,
        d.created_at,
        d.content_hash,
        d.expires_at
    from documents as d
    where d.user_id = $1::uuid and d.id = any($3::uuid[])
    returning g.id, g.attempt, g.chunk_count, g.file_size
),

given_contents as (
    insert into document_contents (user_id, document_id, content)
    select
        $2::uuid as user_id,
        b.document_id,
        b.content
    from document_contents as b
    where b.user_id = $1::uuid and b.document_id = any($3::uuid[])
),

given_chunks as (
    insert into chunks (
        user_id, id, document_id, chunk_index, content, content_hash, token_count, metadata, created_at
    )
    select
        $2::uuid as user_id,
        c.id,
        c.document_id,
        c.chunk_index,
        c.content,
        c.content_hash,
        c.token_count,
        c.metadata,
        c.created_at
    from chunks as c
    where c.user_id = $1::uuid and c.document_id = any($3::uuid[])
),

given_vectors as (
    insert into chunk_vectors (user_id, chunk_id, document_id, embedding, signature)
    select
        $2::uuid as user_id,
        v.chunk_id,
        v.document_id,
        v.embedding,
        v.signature
    from chunk_vectors as v
    where v.user_id = $1::uuid and v.document_id = any($3::uuid[])
),

removed as (
    delete from documents as d
    where d.user_id = $1::uuid and d.id = any($3::uuid[])
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = any($3::uuid[])
    returning j.document_id, j.tries, j.due_at, j.worker, j.created_at
),

queued as (
    insert into ingestion_jobs (user_id, document_id, attempt, tries, due_at, created_at)
    select
        $2::uuid as user_id,
        u.document_id,
        g.attempt,
        case when u.worker is null then u.tries else greatest(0, u.tries - 1) end as tries,
        case when u.worker is null then u.due_at else now() end as due_at,
        u.created_at
    from unqueued as u
    inner join given as g on u.document_id = g.id
    returning pg_notify('cabinet_ingestion', '')
),

total as (
    select
        count(*) as documents,
        coalesce(sum(g.chunk_count), 0) as chunks,
        coalesce(sum(g.file_size), 0) as bytes
    from given as g
),

counted as (
    insert into tenant_totals as n (
        user_id, chunk_count, document_count, byte_count, document_limit, chunk_limit, byte_limit
    )
    select
        p.user_id,
        t.chunks as chunk_count,
        t.documents as document_count,
        t.bytes as byte_count,
        p.document_limit,
        p.chunk_limit,
        p.byte_limit
    from total as t
    cross join
        (values ($1::uuid, null, null, null), ($2::uuid, $4::int8, $5::int8, $6::int8))
            as p (user_id, document_limit, chunk_limit, byte_limit)
    where (select count(*) from queued) >= 0
    order by p.user_id
    on conflict (user_id) do update
        set
            chunk_count = n.chunk_count
            + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.chunk_count,
            document_count = greatest(
                0,
                n.document_count
                + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.document_count
            ),
            byte_count = greatest(
                0,
                n.byte_count
                + case when n.user_id is distinct from $2::uuid then -1 else 1 end * excluded.byte_count
            ),
            document_limit = excluded.document_limit,
            chunk_limit = excluded.chunk_limit,
            byte_limit = excluded.byte_limit
)

select
    t.documents,
    t.chunks
from total as t;
