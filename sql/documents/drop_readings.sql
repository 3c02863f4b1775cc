-- documents/drop_readings :value
-- Deletes the further readings of documents that are given to another user, whose collections do not have
-- them: after documents/hold.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  each once, at most 1000; held by documents/hold
-- $3 max_parts    int8    chunks that are erased at once
-- returns: deleted int8
-- index: documents_readings_idx, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey
with deleted as (
    delete from documents as d
    where d.user_id = $1::uuid and d.file_id = any($2::uuid[])
    returning d.id, d.chunk_count
),

weighed as (
    select
        d.id,
        sum(d.chunk_count) over (
            order by d.chunk_count, d.id
            rows between unbounded preceding and current row
        ) as parts
    from deleted as d
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
    using deleted as d
    where j.user_id = $1::uuid and j.document_id = d.id
    returning j.document_id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count)
    select
        $1::uuid as user_id,
        sum(d.chunk_count) as chunk_count
    from deleted as d
    where (select count(*) from unqueued) >= 0
    having count(d.id) > 0
    on conflict (user_id) do update
        set chunk_count = t.chunk_count - excluded.chunk_count
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select count(d.id) as deleted
from deleted as d
where (select count(*) from planned_once) >= 0;
