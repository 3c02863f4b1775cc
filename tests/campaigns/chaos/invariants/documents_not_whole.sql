-- documents_not_whole
-- Ready documents without chunks, without some of them or with others, or whose chunks have no vector.
select
    d.user_id,
    d.id,
    d.filename,
    d.chunk_count,
    c.chunks,
    c.indexes,
    c.highest,
    v.vectors
from documents as d
cross join lateral (
    select
        count(*) as chunks,
        count(distinct k.chunk_index) as indexes,
        coalesce(max(k.chunk_index), -1) + 1 as highest
    from chunks as k
    where k.user_id = d.user_id and k.document_id = d.id
) as c
cross join lateral (
    select count(*) as vectors
    from chunk_vectors as k
    inner join chunks as o on k.user_id = o.user_id and k.chunk_id = o.id
    where k.user_id = d.user_id and k.document_id = d.id and o.document_id = d.id
) as v
where
    d.status = 'ready'
    and (
        d.chunk_count = 0
        or (c.chunks, c.indexes, c.highest, v.vectors)
        is distinct from (d.chunk_count, d.chunk_count, d.chunk_count, d.chunk_count)
    );
