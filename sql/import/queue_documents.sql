-- import/queue_documents :exec
-- Puts the documents of an import that are not done into the queue, as an upload does; a lease of the Cabinet
-- that they came from means nothing here.
-- $1 user_id uuid  the tenant
-- index: documents_user_status_idx
with waiting as (
    update documents as d
    set lease_expires_at = null
    where d.user_id = $1::uuid and d.status = 'processing'
    returning d.id, d.attempt
)

insert into ingestion_jobs (user_id, document_id, attempt)
select
    $1::uuid as user_id,
    w.id as document_id,
    w.attempt
from waiting as w
returning pg_notify('cabinet_ingestion', '');
