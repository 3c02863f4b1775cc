-- import/queue_documents :exec
-- Queues imported documents that are still processing, as an upload does. Their leases in the exporting
-- Cabinet are ignored.
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
