-- ingest/replace :exec
-- In the transaction that stores a document: those whose place it takes go, with their bytes, chunks and
-- vectors (by cascade), their jobs and their share of the tenant's counts. Conversations that were about one
-- of them are about this one now; ingest/complete holds them already, but for one that became so meanwhile.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- index: documents_pkey, documents_user_filename_idx, conversation_documents_document_idx,
--   conversations_pkey, ingestion_jobs_pkey, tenant_totals_pkey
with replaced as (
    delete from documents as o
    using documents as n
    where
        n.user_id = $1::uuid
        and n.id = $2::uuid
        and o.user_id = $1::uuid
        and n.replaces = o.filename
        and n.id > o.id
    returning o.id, o.chunk_count, o.file_size
),

scoped as (
    select
        c.id,
        s.document_id
    from replaced as r
    inner join conversation_documents as s on s.user_id = $1::uuid and r.id = s.document_id
    inner join conversations as c on c.user_id = $1::uuid and s.conversation_id = c.id
    for key share of c
),

rescoped as (
    insert into conversation_documents (user_id, conversation_id, document_id)
    select distinct
        $1::uuid as user_id,
        s.id as conversation_id,
        $2::uuid as document_id
    from scoped as s
    on conflict do nothing
),

unqueued as (
    delete from ingestion_jobs as j
    using replaced as r
    where j.user_id = $1::uuid and j.document_id = r.id
    returning j.document_id
)

insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
select
    $1::uuid as user_id,
    sum(r.chunk_count) as chunk_count,
    count(r.id) as document_count,
    sum(r.file_size) as byte_count
from replaced as r
where (select count(*) from unqueued) >= 0
having count(r.id) > 0
on conflict (user_id) do update
    set
        chunk_count = t.chunk_count - excluded.chunk_count,
        document_count = greatest(0, t.document_count - excluded.document_count),
        byte_count = greatest(0, t.byte_count - excluded.byte_count);
