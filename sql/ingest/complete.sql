-- ingest/complete :one
-- First statement of the transaction that stores a document: takes its row and makes it ready, if the attempt
-- still holds it. Before it the rows of the documents that it is to replace, the oldest first, as whoever
-- changes several does; uploaded later are none of them, so no two wait for each other. No row: nothing may
-- be stored.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- $4 chunk_count int
-- returns: replaces text null
-- index: documents_pkey, documents_user_filename_idx
with replaced as materialized (
    select o.id
    from documents as n
    inner join documents as o on o.user_id = $1::uuid and n.replaces = o.filename and n.id > o.id
    where n.user_id = $1::uuid and n.id = $2::uuid
    order by o.id
    for update of o
)

update documents as d
set
    status = 'ready',
    error = null,
    progress = 1,
    chunk_count = $4::int,
    lease_expires_at = null,
    updated_at = now()
where
    d.user_id = $1::uuid
    and d.id = $2::uuid
    and d.attempt = $3::int
    and d.status = 'processing'
    and (select count(*) from replaced) >= 0
returning d.replaces;
