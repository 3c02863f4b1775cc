-- ingest/replace :many
-- In the transaction that stores a document: locks the oldest of the documents that it replaces, and lets
-- conversations and collections that contain one of them contain this document instead, with the attributes
-- of the newest, and in chunks of the sizes that it had there: if those of this document are others, it gets
-- a further reading, for at most 16 sizes, which is queued to be read. Returns them for documents/delete;
-- repeat both while `max_rows` are returned. ingest/complete has already locked them, except those that were
-- added in the meantime.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 max_rows    int   1..1000
-- returns: id uuid
-- index: documents_pkey, documents_user_filename_idx, conversation_documents_document_idx,
--   conversations_pkey, collection_files_document_idx, collections_pkey, documents_readings_idx,
--   collection_files_pkey
-- length: the document's conversations, its collections and its further readings change together
-- plan: generic
with chosen as materialized (
    select
        o.id,
        o.chunk_sizes
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    where n.user_id = $1::uuid and n.id = $2::uuid and o.file_id is null
    order by o.id
    limit $3::int
    for update of o
),

outdated as (
    select
        c.id,
        c.chunk_sizes
    from chosen as c
    union all
    select
        d.id,
        d.chunk_sizes
    from chosen as c
    inner join documents as d on d.user_id = $1::uuid and c.id = d.file_id
),

scoped as (
    select
        c.id,
        s.document_id
    from chosen as r
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

collected as materialized (
    select
        f.collection_id,
        f.file_id,
        f.attributes,
        r.chunk_sizes
    from outdated as r
    inner join collection_files as f on f.user_id = $1::uuid and r.id = f.document_id
    inner join collections as c on c.user_id = $1::uuid and f.collection_id = c.id
    where not f.is_cancelled
    for key share of c
),

wanted as materialized (
    select distinct on (f.collection_id)
        f.collection_id,
        f.attributes,
        f.chunk_sizes
    from collected as f
    order by f.collection_id asc, f.file_id desc
),

other as materialized (
    select distinct w.chunk_sizes
    from wanted as w
    cross join documents as n
    where
        n.user_id = $1::uuid
        and n.id = $2::uuid
        and n.file_type <> 'chunks'
        and w.chunk_sizes is distinct from n.chunk_sizes
        and not exists (
            select 1
            from collection_files as p
            where p.user_id = $1::uuid and p.collection_id = w.collection_id and p.file_id = n.id
        )
    order by w.chunk_sizes
    limit 16
),

there as materialized (
    select
        d.id,
        d.chunk_sizes,
        d.status
    from other as o
    inner join documents as d on d.user_id = $1::uuid and d.file_id = $2::uuid
    where o.chunk_sizes is not distinct from d.chunk_sizes
    for no key update of d
),

kept as (
    update documents as d
    set
        expires_at = null,
        status = case when d.status = 'stored' then 'processing' else d.status end
    from there as t
    where d.user_id = $1::uuid and d.id = t.id
    returning d.id, d.chunk_sizes, d.attempt, t.status = 'stored' as is_unread
),

made as (
    insert into documents as d (
        user_id, file_id, filename, file_type, file_size, content_hash, purpose, metadata, chunk_sizes,
        created_at
    )
    select
        $1::uuid as user_id,
        n.id as file_id,
        n.filename,
        n.file_type,
        n.file_size,
        n.content_hash,
        n.purpose,
        n.metadata,
        o.chunk_sizes,
        n.created_at
    from other as o
    cross join documents as n
    where
        n.user_id = $1::uuid
        and n.id = $2::uuid
        and not exists (
            select 1
            from documents as e
            where
                e.user_id = $1::uuid
                and e.file_id = $2::uuid
                and o.chunk_sizes is not distinct from e.chunk_sizes
        )
    returning d.id, d.chunk_sizes
),

hidden as (
    insert into document_contents (user_id, document_id, content, removed_at)
    select
        $1::uuid as user_id,
        m.id as document_id,
        '' as content,
        'infinity' as removed_at
    from made as m
),

further as (
    select
        m.id,
        m.chunk_sizes,
        0 as attempt,
        true as is_unread
    from made as m
    union all
    select
        k.id,
        k.chunk_sizes,
        k.attempt,
        k.is_unread
    from kept as k
),

queued as (
    insert into ingestion_jobs (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        f.id as document_id,
        f.attempt
    from further as f
    where f.is_unread
    order by f.id
    on conflict do nothing
    returning document_id, pg_notify('cabinet_ingestion', '')
),

recollected as (
    insert into collection_files (user_id, collection_id, file_id, document_id, attributes)
    select
        $1::uuid as user_id,
        w.collection_id,
        $2::uuid as file_id,
        coalesce(f.id, $2::uuid) as document_id,
        w.attributes
    from wanted as w
    left join further as f on w.chunk_sizes is not distinct from f.chunk_sizes
    where (select count(*) from queued) >= 0
    order by w.collection_id
    on conflict do nothing
)

select c.id
from chosen as c
order by c.id
limit $3::int;
