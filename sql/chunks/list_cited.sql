-- chunks/list_cited :many
-- The texts of chunks of a user that messages of readers cite: as many as fit into a number of bytes, but at
-- least one.
-- $1 user_id   uuid    the tenant
-- $2 chunk_ids uuid[]  each once
-- $3 max_bytes int8
-- $4 max_rows  int     the number of chunks
-- returns: chunk_id uuid, filename text, content text
-- index: chunks_pkey, documents_pkey, documents_user_filename_idx
with measured as (
    select
        c.id,
        c.document_id,
        sum(octet_length(c.content)) over (
            order by w.place
            rows between unbounded preceding and current row
        ) - octet_length(c.content) as bytes_before
    from unnest($2::uuid[]) with ordinality as w (chunk_id, place)
    inner join chunks as c on c.user_id = $1::uuid and w.chunk_id = c.id
)

select
    c.id as chunk_id,
    d.filename,
    c.content
from measured as m
inner join chunks as c on c.user_id = $1::uuid and m.id = c.id
inner join documents as d on d.user_id = $1::uuid and m.document_id = d.id
where m.bytes_before < $3::int8
order by m.bytes_before, c.id
limit $4::int;
