-- documents/hold :many
-- First statement of a transaction that moves documents: locks their rows and jobs in a fixed order, and
-- waits for a worker that is storing one of them, so that the next statement sees each document completely.
-- Fewer rows than ids: some are not documents of this user.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  each once, at most 1000
-- $3 max_rows     int     the number of ids
-- returns: id uuid, chunk_count int, file_size int8
-- index: documents_pkey, ingestion_jobs_pkey, documents_user_filename_idx
with held as materialized (
    select
        d.id,
        d.chunk_count,
        d.file_size
    from documents as d
    where d.user_id = $1::uuid and d.id = any($2::uuid[]) and d.file_id is null
    order by d.id
    for update
),

held_jobs as materialized (
    select j.document_id
    from ingestion_jobs as j
    where
        j.user_id = $1::uuid
        and j.document_id = any($2::uuid[])
        and (select count(*) from held) > 0
    order by j.document_id
    for update
)

select
    h.id,
    h.chunk_count,
    h.file_size
from held as h
where (select count(*) from held_jobs) >= 0
order by h.id
limit $3::int;
