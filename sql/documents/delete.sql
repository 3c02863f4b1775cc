-- documents/delete :exec
-- Deletes a document with its job, and subtracts it from the tenant's totals. Its bytes, chunks and
-- vectors are deleted at once (by cascade) if they are few; otherwise documents/erase_left_over erases
-- them later, and nothing reads them until then. The totals change by an upsert, which always finds a row
-- and reads its current version: this statement may have started before the document was stored, and an
-- update would see the totals from before. A total that is too low must not prevent a deletion. Its
-- further readings are deleted with it.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 max_parts   int8  chunks, and 2,000s of bytes, that are erased at once
-- length: a document, its readings, their bytes and jobs and the counts change together or not at all
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey,
--   documents_readings_idx
with deleted as (
    delete from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null
    returning d.id, d.chunk_count, d.file_size
),

readings as (
    delete from documents as d
    where d.user_id = $1::uuid and d.file_id = $2::uuid
    returning d.id, d.chunk_count
),

gone as (
    select
        d.id,
        d.chunk_count,
        d.file_size,
        1 as documents
    from deleted as d
    union all
    select
        r.id,
        r.chunk_count,
        0 as file_size,
        0 as documents
    from readings as r
),

weighed as (
    select
        g.id,
        sum(g.chunk_count + g.file_size / 2000) over (
            order by g.chunk_count + g.file_size / 2000, g.id
            rows between unbounded preceding and current row
        ) as parts
    from gone as g
),

erased as (
    delete from document_contents as b
    using weighed as w
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts <= $3::int8
),

left_over as (
    update document_contents as b
    set removed_at = now()
    from weighed as w
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts > $3::int8
),

unqueued as (
    delete from ingestion_jobs as j
    using gone as g
    where j.user_id = $1::uuid and j.document_id = g.id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
    select
        $1::uuid as user_id,
        sum(g.chunk_count) as chunk_count,
        sum(g.documents) as document_count,
        sum(g.file_size) as byte_count
    from gone as g
    having count(g.id) > 0
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
