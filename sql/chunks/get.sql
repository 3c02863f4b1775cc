-- chunks/get :many
-- One chunk of a user with its neighbours in the document, in order. No row: the chunk does not exist.
-- $1 user_id    uuid  the tenant
-- $2 chunk_id   uuid
-- $3 neighbours int   chunks on each side, 0..10
-- $4 max_rows   int   2 * neighbours + 1; 1..21
-- returns: chunk_id uuid, document_id uuid, filename text, chunk_index int, content text, token_count int,
--   metadata jsonb, created_at timestamptz
-- index: chunks_pkey, documents_pkey, chunks_document_index_key
select
    n.id as chunk_id,
    coalesce(d.file_id, d.id) as document_id,
    d.filename,
    n.chunk_index,
    n.content,
    n.token_count,
    n.metadata,
    n.created_at
from chunks as c
inner join documents as d on d.user_id = $1::uuid and c.document_id = d.id
inner join chunks as n
    on
        n.user_id = $1::uuid
        and c.document_id = n.document_id
        and n.chunk_index between c.chunk_index - $3::int and c.chunk_index + $3::int
where c.user_id = $1::uuid and c.id = $2::uuid
order by n.chunk_index
limit $4::int;
