-- documents/retry_many :value
-- Queues failed documents of a user again, those given or all, with their failed readings and the full number
-- of attempts, as documents/retry does; the oldest first if there are more than `max_rows`.
-- $1 user_id        uuid         the tenant
-- $2 document_ids   uuid[] null  null: all that have failed; at most 1000
-- $3 filters        jsonb null   null: no filter; otherwise in the form of document_matches()
-- $4 collection_ids uuid[] null  only files of one of these collections; null: all
-- $5 max_rows       int          1..1000
-- returns: queued int8
-- index: documents_user_status_idx, documents_readings_idx, documents_pkey, ingestion_jobs_pkey,
--   collection_files_batch_idx, collection_files_seq_key
with chosen as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.status = 'error'
        and ($2::uuid[] is null or d.id = any($2::uuid[]) or d.file_id = any($2::uuid[]))
        and document_matches($1::uuid, $3::jsonb, d)
        and (
            $4::uuid[] is null
            or d.id in (
                select f.document_id
                from collection_files as f
                where
                    f.user_id = $1::uuid
                    and collection_file_matches($4::uuid[], null, null, f)
            )
        )
    order by d.id
    limit $5::int
    for update
),

failed as (
    update documents as d
    set status = 'processing', error = null, progress = 0, updated_at = now()
    from chosen as c
    where d.user_id = $1::uuid and d.id = c.id
    returning d.id, d.attempt
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        f.id as document_id,
        f.attempt
    from failed as f
    order by f.id
    on conflict (user_id, document_id) do update
        set attempt = greatest(j.attempt, excluded.attempt), tries = 0, interruptions = 0, due_at = now()
    returning j.document_id, pg_notify('cabinet_ingestion', '')
)

select count(q.document_id) as queued
from queued as q;
