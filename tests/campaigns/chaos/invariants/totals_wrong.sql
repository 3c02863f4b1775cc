-- totals_wrong
-- Users whose counted documents, bytes or chunks are not those that they have.
select
    u.id as user_id,
    t.document_count,
    d.documents,
    t.byte_count,
    d.bytes,
    t.chunk_count,
    c.chunks
from users as u
left join tenant_totals as t on u.id = t.user_id
cross join lateral (
    select
        count(*) as documents,
        coalesce(sum(o.file_size), 0)::int8 as bytes
    from documents as o
    where o.user_id = u.id
) as d
cross join lateral (select count(*) as chunks from chunks as o where o.user_id = u.id) as c
where
    (coalesce(t.document_count, 0), coalesce(t.byte_count, 0), coalesce(t.chunk_count, 0))
    is distinct from (d.documents, d.bytes, c.chunks);
