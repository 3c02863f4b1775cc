-- ingest/complete :exec
-- First statement of the transaction that stores a document: takes its row and makes it ready, if the attempt
-- still holds it. No row: nothing may be stored.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- $4 chunk_count int
-- index: documents_pkey
update documents as d
set
    status = 'ready',
    error = null,
    progress = 1,
    chunk_count = $4::int,
    lease_expires_at = null,
    updated_at = now()
where d.user_id = $1::uuid and d.id = $2::uuid and d.attempt = $3::int and d.status = 'processing';
