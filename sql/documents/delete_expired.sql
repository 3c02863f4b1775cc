-- documents/delete_expired :value
-- Deletes expired documents of one user, as documents/delete_many does. Documents whose expiry was extended
-- in the meantime stay. Locked rows are skipped until the next sweep.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  at most 1000
-- $3 max_parts    int8    chunks, and 2,000s of bytes, that are erased at once
-- returns: deleted int8
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey,
--   documents_expires_idx
-- length: a document, its bytes, its job and the counts change together or not at all
with expired as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and d.id = any($2::uuid[]) and d.expires_at <= now()
    order by d.id
    for update skip locked
),

deleted as (
    delete from documents as d
    using expired as e
    where d.user_id = $1::uuid and d.id = e.id
    returning d.id, d.chunk_count, d.file_size
),

weighed as (
    select
        d.id,
        sum(d.chunk_count + d.file_size / 2000) over (
            order by d.chunk_count + d.file_size / 2000, d.id
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
    insert into tenant_totals as t (user_id, chunk_count, document_count, byte_count)
    select
        $1::uuid as user_id,
        sum(d.chunk_count) as chunk_count,
        count(d.id) as document_count,
        sum(d.file_size) as byte_count
    from deleted as d
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

select count(d.id) as deleted
from deleted as d
where (select count(*) from planned_once) >= 0;
