-- chunks/list_from :many
-- The chunks of a document that end after a place in its text, in order, to assemble the text. Chunks without
-- a place, which imported documents can have, are included. No rows if the document belongs to another user.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 after       int   the last chunk_index of the previous page; -1: from the first
-- $4 place       int   in characters from the beginning of the text
-- $5 max_rows    int
-- $6 reading_id  uuid optional  a further reading of the document, whose chunks are listed instead
-- returns: chunk_index int, chunk_count int, content text, metadata jsonb
-- index: documents_pkey, chunks_document_index_key
select
    c.chunk_index,
    d.chunk_count,
    c.content,
    c.metadata
from documents as d
inner join chunks as c on c.user_id = $1::uuid and d.id = c.document_id
where
    d.user_id = $1::uuid
    and d.id = coalesce($6::uuid, $2::uuid)
    and coalesce(d.file_id, d.id) = $2::uuid
    and c.chunk_index > $3::int
    and coalesce((c.metadata -> 'end') > to_jsonb($4::int), true)
order by c.chunk_index
limit $5::int;
