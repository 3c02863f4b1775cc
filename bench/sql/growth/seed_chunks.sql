insert into seed.document_chunks (id, document_id, content, embedding, chunk_index, metadata, created_at)
select
    c.id,
    c.document_id,
    c.content,
    v.embedding::vector as embedding,
    c.chunk_index,
    c.metadata::json as metadata,
    c.created_at at time zone 'UTC' as created_at
from chunks as c
inner join chunk_vectors as v on c.user_id = v.user_id and c.id = v.chunk_id
where c.user_id = any($1::uuid[]);
