-- documents/delete_expired :value
-- Deletes expired documents of one user, as documents/delete_many does. Documents whose expiry was
-- extended in the meantime stay. Locked rows are skipped until the next sweep. A reading that has left a
-- collection expires at once, but stays if another collection contains it.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  at most 1000
-- $3 max_parts    int8    chunks, and 2,000s of bytes, that are erased at once
-- returns: deleted int8
-- index: documents_pkey, document_contents_pkey, ingestion_jobs_pkey, tenant_totals_pkey,
--   documents_expires_idx, collection_files_document_idx, documents_readings_idx
-- length: a document, its bytes, its job and the counts change together or not at all
with expired as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id = any($2::uuid[])
        and d.expires_at <= now()
        and (
            d.file_id is null
            or not exists (
                select 1
                from collection_files as f
                where f.user_id = $1::uuid and f.document_id = d.id
            )
        )
    order by d.id
    for update skip locked
),

checked as materialized (
    select
        d.id,
        d.expires_at
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id = any($2::uuid[])
        and d.file_id is not null
        and d.expires_at <= now()
        and exists (
            select 1
            from collection_files as f
            where f.user_id = $1::uuid and f.document_id = d.id
        )
),

kept as (
    update documents as d
    set expires_at = null
    from checked as c
    where d.user_id = $1::uuid and d.id = c.id and d.expires_at = c.expires_at
),

readings as (
    delete from documents as d
    using expired as c
    where d.user_id = $1::uuid and d.file_id = c.id
    returning d.id, d.chunk_count
),

deleted as (
    delete from documents as d
    using expired as e
    where d.user_id = $1::uuid and d.id = e.id
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

select count(d.id) as deleted
from deleted as d
where (select count(*) from planned_once) >= 0;
