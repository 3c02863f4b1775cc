-- The vectors in half precision, as the service stores them.
select
    count(*) as row_count,
    md5(
        string_agg(
            md5(c.chunk_index || c.content || c.embedding::halfvec), '' order by c.chunk_index, md5(c.content)
        )
    ) as hash
from document_chunks as c
where c.document_id = any($1::uuid[]);
