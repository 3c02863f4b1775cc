-- chunks/list_by_document :many
-- The chunks of one document in order; no rows if the document belongs to another user.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 after       int   the last chunk_index of the previous page; -1: from the first
-- $4 max_rows    int   1..101
-- $5 reading_id  uuid optional  a further reading of the document, whose chunks are listed instead
-- returns: id uuid, document_id uuid, chunk_index int, content text, token_count int, metadata jsonb,
--   created_at timestamptz
-- index: documents_pkey, chunks_document_index_key
select
    c.id,
    $2::uuid as document_id,
    c.chunk_index,
    c.content,
    c.token_count,
    c.metadata,
    c.created_at
from documents as d
inner join chunks as c on c.user_id = $1::uuid and d.id = c.document_id
where
    d.user_id = $1::uuid
    and d.id = coalesce($5::uuid, $2::uuid)
    and coalesce(d.file_id, d.id) = $2::uuid
    and c.chunk_index > $3::int
order by c.chunk_index
limit $4::int;
