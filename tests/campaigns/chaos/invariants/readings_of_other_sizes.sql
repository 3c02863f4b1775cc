-- readings_of_other_sizes
-- Files in collections in chunks of other sizes than those with which they were added.
select
    t.user_id,
    t.collection_id,
    t.name,
    t.chunk_tokens,
    r.chunk_sizes
from told_members as t
inner join documents as d on t.user_id = d.user_id and t.name = d.filename and d.file_id is null
inner join collection_files as f
    on t.user_id = f.user_id and t.collection_id = f.collection_id and d.id = f.file_id
inner join documents as r on f.user_id = r.user_id and f.document_id = r.id
where
    t.chunk_tokens is not null
    and t.chunk_tokens is distinct from (r.chunk_sizes ->> 'chunk_tokens')::int;
