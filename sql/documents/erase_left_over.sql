-- documents/erase_left_over :one
-- Erases a batch of the remaining rows of a deleted document: vectors, terms, chunks and parts of the file,
-- and with the last batch its bytes. A batch is the last if few rows were found, not if few were deleted,
-- since another worker may be deleting the same rows. No row: another worker is erasing the document, or
-- nothing is left.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 max_rows    int   of each of the three tables
-- $4 max_parts   int   of the parts of the file
-- returns: chunks int8, chunk_vectors int8, chunk_terms int8, file_parts int8, document_contents int8
-- index: document_contents_pkey, chunk_vectors_signature_idx, chunk_vectors_pkey, chunks_document_index_key,
--   chunks_pkey, chunk_terms_document_idx, chunk_terms_pkey, file_parts_pkey, document_contents_left_over_idx
-- length: a batch is deleted from all tables of documents at once, and each table is counted
with left_over as materialized (
    select b.document_id
    from document_contents as b
    where b.user_id = $1::uuid and b.document_id = $2::uuid and b.removed_at < 'infinity'
    for update skip locked
),

vectors as materialized (
    select v.chunk_id
    from left_over as o
    inner join chunk_vectors as v on v.user_id = $1::uuid and o.document_id = v.document_id
    order by v.chunk_id
    limit $3::int
),

terms as materialized (
    select t.chunk_id
    from left_over as o
    inner join chunk_terms as t on t.user_id = $1::uuid and o.document_id = t.document_id
    order by t.chunk_id
    limit $3::int
),

texts as materialized (
    select c.id
    from left_over as o
    inner join chunks as c on c.user_id = $1::uuid and o.document_id = c.document_id
    order by c.chunk_index
    limit $3::int
),

parts as materialized (
    select p.first_byte
    from left_over as o
    inner join file_parts as p on p.user_id = $1::uuid and o.document_id = p.document_id
    order by p.first_byte
    limit $4::int
),

erased_vectors as (
    delete from chunk_vectors as v
    using vectors as f
    where v.user_id = $1::uuid and v.chunk_id = f.chunk_id
    returning v.chunk_id
),

erased_terms as (
    delete from chunk_terms as t
    using terms as f
    where t.user_id = $1::uuid and t.chunk_id = f.chunk_id
    returning t.chunk_id
),

erased_chunks as (
    delete from chunks as c
    using texts as f
    where c.user_id = $1::uuid and c.id = f.id
    returning c.id
),

erased_parts as (
    delete from file_parts as p
    using parts as f
    where p.user_id = $1::uuid and p.document_id = $2::uuid and p.first_byte = f.first_byte
    returning p.first_byte
),

erased as (
    delete from document_contents as b
    using left_over as o
    where
        b.user_id = $1::uuid
        and b.document_id = o.document_id
        and (select count(*) from vectors) < $3::int
        and (select count(*) from terms) < $3::int
        and (select count(*) from texts) < $3::int
        and (select count(*) from parts) < $4::int
        and (select count(*) from erased_vectors) >= 0
        and (select count(*) from erased_terms) >= 0
        and (select count(*) from erased_chunks) >= 0
        and (select count(*) from erased_parts) >= 0
    returning b.document_id
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select
    (select count(*) from erased_chunks) as chunks,
    (select count(*) from erased_vectors) as chunk_vectors,
    (select count(*) from erased_terms) as chunk_terms,
    (select count(*) from erased_parts) as file_parts,
    (select count(*) from erased) as document_contents
from left_over as o
where o.document_id = $2::uuid and (select count(*) from planned_once) >= 0;
