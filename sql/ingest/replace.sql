-- ingest/replace :value
-- In the transaction that stores a document: deletes the oldest of the documents that it replaces, with
-- their jobs, and subtracts them from the tenant's totals, as documents/delete_many does; repeat it while
-- it deletes `max_rows`. Conversations and collections that contained one of them contain this document
-- instead, with the attributes of the newest. ingest/complete has already locked them, except those that
-- were added in the meantime. Their further readings are deleted with them.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 max_rows    int   1..1000
-- $4 max_parts   int8  chunks, and 2,000s of bytes, that are erased at once
-- returns: deleted int8
-- index: documents_pkey, documents_user_filename_idx, conversation_documents_document_idx,
--   conversations_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey,
--   collection_files_document_idx, collections_pkey, documents_readings_idx
-- length: a document, its bytes, its job, its conversations, its collections and the counts change together
-- plan: generic
with chosen as materialized (
    select o.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    where n.user_id = $1::uuid and n.id = $2::uuid and o.file_id is null
    order by o.id
    limit $3::int
),

readings as (
    delete from documents as d
    using chosen as c
    where d.user_id = $1::uuid and d.file_id = c.id
    returning d.id, d.chunk_count
),

replaced as (
    delete from documents as o
    using chosen as c
    where o.user_id = $1::uuid and o.id = c.id
    returning o.id, o.chunk_count, o.file_size
),

gone as (
    select
        d.id,
        d.chunk_count,
        d.file_size,
        1 as documents
    from replaced as d
    union all
    select
        r.id,
        r.chunk_count,
        0 as file_size,
        0 as documents
    from readings as r
),

weighed as (
    select
        d.id,
        sum(d.chunk_count + d.file_size / 2000) over (
            order by d.chunk_count + d.file_size / 2000, d.id
            rows between unbounded preceding and current row
        ) as parts
    from gone as d
),

erased as (
    delete from document_contents as b
    using weighed as w
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts <= $4::int8
),

left_over as (
    update document_contents as b
    set removed_at = now()
    from weighed as w
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts > $4::int8
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

collected as (
    select
        f.collection_id,
        f.file_id,
        f.attributes
    from gone as r
    inner join collection_files as f on f.user_id = $1::uuid and r.id = f.document_id
    inner join collections as c on c.user_id = $1::uuid and f.collection_id = c.id
    where not f.is_cancelled
    for key share of c
),

recollected as (
    insert into collection_files (user_id, collection_id, file_id, document_id, attributes)
    select distinct on (f.collection_id)
        $1::uuid as user_id,
        f.collection_id,
        $2::uuid as file_id,
        $2::uuid as document_id,
        f.attributes
    from collected as f
    order by f.collection_id asc, f.file_id desc
    on conflict do nothing
),

unqueued as (
    delete from ingestion_jobs as j
    using gone as r
    where j.user_id = $1::uuid and j.document_id = r.id
    returning j.document_id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
    select
        $1::uuid as user_id,
        sum(r.chunk_count) as chunk_count,
        sum(r.documents) as document_count,
        sum(r.file_size) as byte_count
    from gone as r
    where (select count(*) from unqueued) >= 0
    having count(r.id) > 0
    on conflict (user_id) do update
        set
            chunk_count = t.chunk_count - excluded.chunk_count,
            document_count = greatest(0, t.document_count - excluded.document_count),
            byte_count = greatest(0, t.byte_count - excluded.byte_count)
)

select count(r.id) as deleted
from replaced as r;
