-- ingest/start :one
-- Shows the attempt on the document and hands its bytes to the worker. No row: the document is gone, is no
-- longer processing, or a later attempt has begun, so this job has nothing to do.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 lease_s     float8
-- returns: filename text, file_type text, content bytea
-- index: documents_pkey, document_contents_pkey
update documents as d
set
    attempt = $3::int,
    lease_expires_at = now() + make_interval(secs => $4::float8),
    progress = 0,
    error = null,
    updated_at = now()
from document_contents as b
where
    d.user_id = $1::uuid
    and d.id = $2::uuid
    and d.status = 'processing'
    and d.attempt < $3::int
    and b.user_id = $1::uuid
    and b.document_id = $2::uuid
returning d.filename, d.file_type, b.content;
