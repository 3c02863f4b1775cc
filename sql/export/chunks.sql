-- export/chunks :many
-- The chunks of a range of documents for an export: as many as fit into a number of bytes, but at least one.
-- Each row contains the attempt that created the chunk; the caller omits chunks of another attempt than the
-- exported one, since they belong to another text.
-- $1 user_id           uuid       the tenant
-- $2 first_document_id uuid       the first of the documents
-- $3 last_document_id  uuid       the last of them
-- $4 after_document_id uuid null  of the last chunk of the previous page; null: from the first
-- $5 after_chunk_index int
-- $6 max_bytes         int8
-- $7 max_rows          int        1..1000
-- returns: document_attempt int, id uuid, document_id uuid, chunk_index int, content text,
--   content_hash uuid, token_count int, metadata jsonb, created_at timestamptz
-- index: chunks_document_index_key, documents_pkey
with following as (
    select
        c.id,
        c.document_id,
        c.chunk_index,
        c.content,
        c.content_hash,
        c.token_count,
        c.metadata,
        c.created_at,
        sum(octet_length(c.content)) over (
            order by c.document_id, c.chunk_index
            rows between unbounded preceding and current row
        ) - octet_length(c.content) as bytes_before
    from chunks as c
    where
        c.user_id = $1::uuid
        and c.document_id between $2::uuid and $3::uuid
        and ($4::uuid is null or (c.document_id, c.chunk_index) > ($4::uuid, $5::int))
    order by c.document_id, c.chunk_index
    limit $7::int
)

select
    d.attempt as document_attempt,
    f.id,
    f.document_id,
    f.chunk_index,
    f.content,
    f.content_hash,
    f.token_count,
    f.metadata,
    f.created_at
from following as f
inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
where f.bytes_before < $6::int8
order by f.document_id, f.chunk_index
limit $7::int;
