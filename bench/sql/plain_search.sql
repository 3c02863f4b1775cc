select
    c.id as chunk_id,
    c.document_id,
    d.filename,
    c.chunk_index,
    c.content,
    1 - (c.embedding <=> $2) as similarity
from plain_chunks as c
inner join plain_documents as d on c.document_id = d.id
where c.user_id = $1
order by c.embedding <=> $2
limit $3;
