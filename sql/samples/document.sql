-- samples/document :one
-- A user's document with the most chunks, the newest of several, for examples.
-- $1 user_id uuid  the tenant
-- returns: document_id text, document_ids text
-- index: documents_user_status_idx, documents_pkey
select
    d.id::text as document_id,
    array[d.id]::text as document_ids
from documents as d
where d.user_id = $1::uuid and d.status = 'ready'
order by d.chunk_count desc, d.id desc
limit 1;
