-- collection_files/list :many
-- The files of a collection, or of one of its batches, in the order in which they were added. A file that has
-- left the collection is not in the list, but a page can still begin after it.
-- $1 user_id       uuid       the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid null  null: of any batch, or none
-- $4 status        text null  processing | ready | error | cancelled; null: any
-- $5 descending    bool       from the last that was added
-- $6 after         uuid null  those that follow this file in the order; null: from the beginning
-- $7 before        uuid null  those that precede this file in the order; null: to the end
-- $8 max_rows      int        1..101
-- returns: as collection_files/get
-- index: collection_files_seq_key, collection_files_batch_idx, collection_files_pkey, documents_pkey
with first as materialized (
    select a.seq
    from collection_files as a
    where a.user_id = $1::uuid and a.collection_id = $2::uuid and a.file_id = $6::uuid
),

last as materialized (
    select b.seq
    from collection_files as b
    where b.user_id = $1::uuid and b.collection_id = $2::uuid and b.file_id = $7::uuid
)

select
    f.file_id as document_id,
    f.collection_id,
    f.batch_id,
    d.filename,
    d.file_type,
    d.file_size,
    d.chunk_count,
    case when f.is_cancelled then 'cancelled' else d.status end as status,
    d.error,
    d.chunk_sizes,
    f.attributes,
    f.created_at,
    f.updated_at,
    f.document_id as reading_id
from collection_files as f
inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
where
    f.user_id = $1::uuid
    and f.collection_id = $2::uuid
    and ($3::uuid is null or f.batch_id = $3::uuid)
    and ($4::text is null or case when f.is_cancelled then 'cancelled' else d.status end = $4::text)
    and (
        $6::uuid is null
        or case
            when $5::bool then f.seq < (select a.seq from first as a)
            else f.seq > (select a.seq from first as a)
        end
    )
    and (
        $7::uuid is null
        or case
            when $5::bool then f.seq > (select b.seq from last as b)
            else f.seq < (select b.seq from last as b)
        end
    )
order by
    case when $5::bool then f.seq end desc,
    case when not $5::bool then f.seq end asc
limit $8::int;
