-- ingest/drop :value
-- Removes an obsolete job: its document does not exist, is no longer processing, or has a later attempt.
-- Returns whether the job still exists: it is then not obsolete, but another session has locked the
-- document. If the document of a further reading was deleted just before, the contents of the reading are
-- left to documents/erase_left_over.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 attempt     int   of the claim
-- returns: is_left bool
-- index: ingestion_jobs_pkey, documents_pkey, document_contents_removed_idx
with dropped as (
    delete from ingestion_jobs as j
    where
        j.user_id = $1::uuid
        and j.document_id = $2::uuid
        and j.attempt = $3::int
        and not exists (
            select d.id
            from documents as d
            where d.user_id = $1::uuid and d.id = $2::uuid and d.status = 'processing' and d.attempt < $3::int
        )
    returning j.document_id
),

unowned as (
    update document_contents as b
    set removed_at = now()
    where
        b.user_id = $1::uuid
        and b.document_id = $2::uuid
        and b.removed_at = 'infinity'
        and not exists (
            select d.id
            from documents as d
            where d.user_id = $1::uuid and d.id = $2::uuid
        )
)

select
    exists (
        select j.document_id
        from ingestion_jobs as j
        where j.user_id = $1::uuid and j.document_id = $2::uuid and j.attempt = $3::int
    )
    and not exists (select d.document_id from dropped as d) as is_left;
