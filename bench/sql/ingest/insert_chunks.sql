insert into chunks (user_id, id, document_id, chunk_index, content, token_count, metadata, content_hash)
select
    b.user_id,
    b.id,
    b.document_id,
    b.chunk_index,
    b.content,
    b.token_count,
    b.metadata,
    b.content_hash
from bare_chunks as b
where b.document_id = $1::uuid;
