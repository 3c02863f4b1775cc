-- ingest/drop :exec
-- Removes a job that has nothing to do: its document does not exist, is no longer processing, or a later
-- attempt has begun. No row: there is something to do, and another session has locked the document.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- index: ingestion_jobs_pkey, documents_pkey
delete from ingestion_jobs as j
where
    j.user_id = $1::uuid
    and j.document_id = $2::uuid
    and j.attempt = $3::int
    and not exists (
        select d.id
        from documents as d
        where d.user_id = $1::uuid and d.id = $2::uuid and d.status = 'processing' and d.attempt < $3::int
    );
