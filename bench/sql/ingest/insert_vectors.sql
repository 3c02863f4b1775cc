insert into chunk_vectors (user_id, chunk_id, document_id, embedding, signature)
select
    b.user_id,
    b.chunk_id,
    b.document_id,
    b.embedding,
    b.signature
from bare_chunk_vectors as b
where b.document_id = $1::uuid;
