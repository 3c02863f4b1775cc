-- usage/recount :one
-- Recomputes the number of documents, bytes and chunks of a user, and also returns the previous numbers. The
-- limits of the plan do not apply to existing rows.
-- $1 user_id uuid  the tenant
-- returns: documents int8, documents_before int8, bytes int8, bytes_before int8, chunks int8,
--   chunks_before int8
-- index: documents_pkey, tenant_totals_pkey, documents_user_filename_idx
with there as (
    select
        count(*) as documents,
        coalesce(sum(d.file_size), 0)::int8 as bytes,
        coalesce(sum(d.chunk_count), 0)::int8 as chunks
    from documents as d
    where d.user_id = $1::uuid
),

before as (
    select
        n.document_count,
        n.byte_count,
        n.chunk_count
    from tenant_totals as n
    where n.user_id = $1::uuid
)

update tenant_totals as n
set
    document_count = t.documents,
    byte_count = t.bytes,
    chunk_count = t.chunks,
    document_limit = null,
    byte_limit = null,
    chunk_limit = null
from there as t
cross join before as b
where n.user_id = $1::uuid
returning
    t.documents,
    b.document_count as documents_before,
    t.bytes,
    b.byte_count as bytes_before,
    t.chunks,
    b.chunk_count as chunks_before;
