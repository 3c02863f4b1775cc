-- ingest/complete :one
-- In the transaction that stores a document: locks its row, sets it to ready if the attempt still holds
-- it, and removes its job, which claims skip until the transaction ends. Before that, it locks the
-- conversations that are limited to a document that this one replaces, and the collections that contain
-- such a document, then those documents, oldest first, like every statement that locks several. None of
-- them was uploaded later, so two such transactions never wait for each other. A document that is ingested
-- again still has its old chunks, which ingest/erase_chunks erases next. No row: the lease was lost, and
-- nothing may be stored. The document of a further reading is locked before the reading, so that its
-- deletion waits and sees the chunks.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 attempt     int    of the claim
-- $4 chunk_count int
-- $5 warnings    jsonb  the parts that were not read
-- returns: replaces text null, earlier_chunks int
-- index: documents_pkey, documents_user_filename_idx, conversation_documents_document_idx,
--   conversations_pkey, ingestion_jobs_pkey, collection_files_document_idx, collections_pkey,
--   documents_readings_idx
-- length: all that the transaction changes is locked in one order before anything is stored
-- plan: generic
with scoped as materialized (
    select c.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    inner join conversation_documents as s on s.user_id = $1::uuid and o.id = s.document_id
    inner join conversations as c on c.user_id = $1::uuid and s.conversation_id = c.id
    where n.user_id = $1::uuid and n.id = $2::uuid
    order by c.id
    for key share of c
),

collected as materialized (
    select c.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    inner join collection_files as f on f.user_id = $1::uuid and o.id = f.document_id
    inner join collections as c on c.user_id = $1::uuid and f.collection_id = c.id
    where n.user_id = $1::uuid and n.id = $2::uuid and (select count(*) from scoped) >= 0
    order by c.id
    for key share of c
),

filed as materialized (
    select o.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.file_id = o.id
    where n.user_id = $1::uuid and n.id = $2::uuid and (select count(*) from collected) >= 0
    for key share of o
),

replaced as materialized (
    select o.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    where n.user_id = $1::uuid and n.id = $2::uuid and (select count(*) from filed) >= 0
    order by o.id
    for update of o
),

held as materialized (
    select
        d.id,
        d.chunk_count
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id = $2::uuid
        and d.attempt = $3::int
        and d.status = 'processing'
        and (select count(*) from replaced) >= 0
    for no key update of d
),

completed as (
    update documents as d
    set
        status = 'ready',
        error = null,
        progress = 1,
        chunk_count = $4::int,
        warnings = $5::jsonb,
        lease_expires_at = null,
        has_new_content = false,
        updated_at = now()
    from held as h
    where d.user_id = $1::uuid and d.id = $2::uuid and d.id = h.id
    returning d.id, d.replaces, h.chunk_count as earlier_chunks
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid and (select count(*) from completed) > 0
)

select
    c.replaces,
    c.earlier_chunks
from completed as c;
