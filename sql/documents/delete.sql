-- documents/delete :exec
-- Deletes a document with its job, and subtracts it from the tenant's totals. Its bytes, chunks and vectors
-- are deleted at once (by cascade) if they are few; otherwise documents/erase_left_over erases them later,
-- and nothing reads them until then. The totals change by an upsert, which always finds a row and reads its
-- current version: this statement may have started before the document was stored, and an update would see
-- the totals from before. A total that is too low must not prevent a deletion.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 max_parts   int8  chunks, and 2,000s of bytes, that are erased at once
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey
with deleted as (
    delete from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid
    returning d.id, d.chunk_count, d.file_size
),

erased as (
    delete from document_contents as b
    using deleted as d
    where
        b.user_id = $1::uuid
        and b.document_id = d.id
        and d.chunk_count + d.file_size / 2000 <= $3::int8
),

left_over as (
    update document_contents as b
    set removed_at = now()
    from deleted as d
    where
        b.user_id = $1::uuid
        and b.document_id = d.id
        and d.chunk_count + d.file_size / 2000 > $3::int8
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
    select
        $1::uuid as user_id,
        d.chunk_count,
        1 as document_count,
        d.file_size as byte_count
    from deleted as d
    on conflict (user_id) do update
        set
            chunk_count = t.chunk_count - excluded.chunk_count,
            document_count = greatest(0, t.document_count - excluded.document_count),
            byte_count = greatest(0, t.byte_count - excluded.byte_count)
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select d.id
from deleted as d
where (select count(*) from planned_once) >= 0;
