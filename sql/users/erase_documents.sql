-- users/erase_documents :one
-- Deletes the first documents of a user who has too many for one statement, with their jobs, and subtracts
-- them from the totals. documents/erase_left_over erases their bytes, chunks and vectors later. Returns the
-- number of rows of each table.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   maximum number of documents, 1..10000
-- returns: documents int8, ingestion_jobs int8, conversation_documents int8
-- length: a batch is deleted from all tables of documents at once, and each table is counted
-- index: documents_pkey, conversation_documents_document_idx, document_contents_pkey, ingestion_jobs_pkey,
--   tenant_totals_pkey, documents_readings_idx
with held as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid
    order by d.id
    limit $2::int
    for update
),

erased_scopes as (
    delete from conversation_documents as s
    using held as h
    where s.user_id = $1::uuid and s.document_id = h.id
    returning s.document_id
),

readings as (
    delete from documents as d
    using held as h
    where d.user_id = $1::uuid and d.file_id = h.id and (select count(*) from erased_scopes) >= 0
    returning d.id, d.chunk_count
),

erased_documents as (
    delete from documents as d
    using held as h
    where d.user_id = $1::uuid and d.id = h.id and (select count(*) from erased_scopes) >= 0
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
    from erased_documents as d
    union all
    select
        r.id,
        r.chunk_count,
        0 as file_size,
        0 as documents
    from readings as r
),

left_over as (
    update document_contents as b
    set removed_at = now()
    from gone as d
    where b.user_id = $1::uuid and b.document_id = d.id
),

erased_jobs as (
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
    where (select count(*) from erased_jobs) >= 0
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

select
    (select count(*) from gone) as documents,
    (select count(*) from erased_jobs) as ingestion_jobs,
    (select count(*) from erased_scopes) as conversation_documents
where (select count(*) from planned_once) >= 0;
