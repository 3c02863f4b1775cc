-- documents/delete :exec
-- Deletes documents with their jobs and their further readings, and subtracts them from the tenant's totals.
-- The bytes, chunks and vectors of the smallest, up to `max_parts`, are deleted at once (by cascade);
-- documents/erase_left_over erases those of the others later, and nothing reads them until then. Rows are
-- locked in a fixed order, and the totals last. The totals change by an upsert, which always finds a row and
-- reads its current version: this statement may have started before a document was stored, and an update
-- would see the totals from before. A total that is too low must not prevent a deletion. Every deletion of
-- documents ends here; documents/hold_matching, documents/hold_expired and ingest/replace choose them.
-- $1 user_id       uuid           the tenant
-- $2 document_ids  uuid[]         each once, at most 1000
-- $3 max_parts     int8           chunks, and 2,000s of bytes, that are erased at once
-- $4 with_readings bool optional  whether ids of further readings count; otherwise only those of files
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey,
--   documents_readings_idx
-- length: documents, their readings, their bytes and jobs and the counts change together or not at all
with chosen as materialized (
    select d.id
    from unnest($2::uuid[]) as w (document_id)
    inner join documents as d on d.user_id = $1::uuid and w.document_id = d.id
    where d.file_id is null or coalesce($4::bool, false)
    order by d.id
    for update of d
),

readings as (
    delete from documents as d
    using chosen as c
    where d.user_id = $1::uuid and d.file_id = c.id
    returning d.id, d.chunk_count
),

deleted as (
    delete from documents as d
    using chosen as c
    where d.user_id = $1::uuid and d.id = c.id
    returning
        d.id,
        d.chunk_count,
        case when d.file_id is null then d.file_size else 0 end as file_size,
        case when d.file_id is null then 1 else 0 end as documents
),

gone as (
    select
        d.id,
        d.chunk_count,
        d.file_size,
        d.documents
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
        d.id,
        sum(d.chunk_count + d.file_size / 2000) over (
            order by d.chunk_count + d.file_size / 2000, d.id
            rows between unbounded preceding and current row
        ) as parts
    from gone as d
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
    using gone as d
    where j.user_id = $1::uuid and j.document_id = d.id
    returning j.document_id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
    select
        $1::uuid as user_id,
        sum(d.chunk_count) as chunk_count,
        sum(d.documents) as document_count,
        sum(d.file_size) as byte_count
    from gone as d
    where (select count(*) from unqueued) >= 0
    having count(d.id) > 0
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
