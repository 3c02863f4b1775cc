-- documents/delete_many :value
-- Deletes a user's documents, by id, by status or by filters, with their jobs, and subtracts them from the
-- tenant's totals: the oldest first if there are more than `max_rows`. The bytes, chunks and vectors of
-- the smallest, up to `max_parts`, are deleted at once (by cascade); documents/erase_left_over erases
-- those of the others later, and nothing reads them until then. Rows are locked in a fixed order, and the
-- totals last. The further readings of the documents are deleted with them.
-- $1 user_id        uuid         the tenant
-- $2 document_ids   uuid[] null  null: all documents; at most 1000
-- $3 status         text null    null: any
-- $4 filters        jsonb null   null: no filter; otherwise in the form of document_matches()
-- $5 collection_ids uuid[] null  only files of one of these collections; null: all
-- $6 max_rows       int          1..1000
-- $7 max_parts      int8         chunks, and 2,000s of bytes, that are erased at once
-- returns: deleted int8
-- index: documents_pkey, documents_user_status_idx, documents_user_metadata_idx, ingestion_jobs_pkey,
--   document_contents_pkey, tenant_totals_pkey, collection_files_batch_idx, collection_files_seq_key,
--   documents_readings_idx
-- length: a document, its bytes, its job and the counts change together or not at all
with chosen as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and ($2::uuid[] is null or d.id = any($2::uuid[]))
        and ($3::text is null or d.status = $3::text)
        and d.file_id is null
        and document_matches($1::uuid, $4::jsonb, d)
        and (
            $5::uuid[] is null
            or d.id in (
                select f.file_id
                from collection_files as f
                where
                    f.user_id = $1::uuid
                    and collection_file_matches($5::uuid[], null, null, f)
            )
        )
    order by d.id
    limit $6::int
    for update
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
    returning d.id, d.chunk_count, d.file_size
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
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts <= $7::int8
),

left_over as (
    update document_contents as b
    set removed_at = now()
    from weighed as w
    where b.user_id = $1::uuid and b.document_id = w.id and w.parts > $7::int8
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
