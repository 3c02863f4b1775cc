-- documents/rechunk :one
-- Queues a document to be split again. Its chunks stay until the new ones are stored. The attempt number
-- keeps increasing, as in documents/retry. A ready document has already replaced its predecessor; a later
-- document with the same name is not replaced. No row: the document does not exist, is neither ready nor
-- failed, or has chunks of the client.
-- $1 user_id     uuid   the tenant
-- $2 document_id uuid
-- $3 chunk_sizes jsonb  chunk_tokens and overlap_tokens
-- returns: as documents/get
-- length: the document is changed, queued and returned in one statement
-- index: documents_pkey, ingestion_jobs_pkey
with chosen as (
    update documents as d
    set
        status = 'processing',
        error = null,
        progress = 0,
        chunk_sizes = $3::jsonb,
        replaces = case when d.status = 'ready' then null else d.replaces end,
        updated_at = now()
    where
        d.user_id = $1::uuid
        and d.id = $2::uuid
        and d.status in ('ready', 'error')
        and d.file_type <> 'chunks'
        and d.file_id is null
    returning
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.purpose,
        d.status,
        d.error,
        d.attempt,
        d.lease_expires_at,
        d.progress,
        d.chunk_count,
        d.warnings,
        d.metadata,
        d.expires_at,
        d.created_at,
        d.updated_at
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        c.id as document_id,
        c.attempt
    from chosen as c
    on conflict (user_id, document_id) do update
        set attempt = greatest(j.attempt, excluded.attempt), tries = 0, interruptions = 0, due_at = now()
    returning pg_notify('cabinet_ingestion', '')
)

select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from chosen as d
cross join queued;
