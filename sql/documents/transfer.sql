-- documents/transfer :exec
-- Copies documents and their bytes to another user: the first statement for each batch of a transfer. The
-- tenant of a row never changes in place; documents/transfer_chunks moves the chunks, and
-- documents/transfer_release deletes the originals. Ids stay the same. The ingestion of a document in
-- progress restarts with a higher attempt number, so that its worker can no longer change anything, even if
-- the document returns to its first owner in the meantime. A document that was to replace others replaces
-- none of the receiver.
-- $1 user_id      uuid    the tenant
-- $2 to_user      uuid    the receiver; none of their rows is read
-- $3 document_ids uuid[]  each once, at most 1000; held by documents/hold
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey,
--   documents_user_filename_idx
with given as (
    insert into documents as g (
        user_id, id, filename, file_type, file_size, purpose, status, error, attempt, progress, chunk_count,
        warnings, metadata, created_at, content_hash, expires_at, chunk_sizes,
        has_new_content
    )
    select
        $2::uuid as user_id,
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.purpose,
        d.status,
        d.error,
        case
            when d.status <> 'processing' then d.attempt
            else 1 + greatest(
                d.attempt,
                (
                    select j.attempt
                    from ingestion_jobs as j
                    where j.user_id = $1::uuid and j.document_id = d.id
                )
            )
        end as attempt,
        case when d.status = 'processing' then 0 else d.progress end as progress,
        d.chunk_count,
        d.warnings,
        d.metadata,
        d.created_at,
        d.content_hash,
        d.expires_at,
        d.chunk_sizes,
        d.has_new_content
    from documents as d
    where d.user_id = $1::uuid and d.id = any($3::uuid[])
    returning g.id
)

insert into document_contents (user_id, document_id, content, charset)
select
    $2::uuid as user_id,
    b.document_id,
    b.content,
    b.charset
from document_contents as b
where b.user_id = $1::uuid and b.document_id = any($3::uuid[]);
