select
    c.id,
    c.document_id,
    c.content,
    v.embedding::vector as embedding,
    c.chunk_index,
    c.metadata::json as metadata,
    c.created_at at time zone 'UTC' as created_at
from chunks as c
inner join chunk_vectors as v on c.user_id = v.user_id and c.id = v.chunk_id;
