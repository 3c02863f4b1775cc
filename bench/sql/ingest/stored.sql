-- Contents of these documents as stored: the number of rows, and one hash over places, texts and vectors.
select
    count(*) as row_count,
    md5(
        string_agg(md5(c.chunk_index || c.content || v.embedding), '' order by c.chunk_index, md5(c.content))
    ) as hash
from chunks as c
inner join chunk_vectors as v on c.user_id = v.user_id and c.id = v.chunk_id
where c.document_id = any($1::uuid[]);
