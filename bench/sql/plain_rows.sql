insert into plain_documents (id, user_id, filename)
select
    d.id,
    d.user_id,
    d.filename
from documents as d;

insert into plain_chunks (id, user_id, document_id, chunk_index, content, embedding)
select
    c.id,
    c.user_id,
    c.document_id,
    c.chunk_index,
    c.content,
    v.embedding::vector
from chunks as c
inner join chunk_vectors as v on c.user_id = v.user_id and c.id = v.chunk_id;
