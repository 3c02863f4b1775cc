-- messages/list_stale_sources :many
-- The chunks, among those that messages cite, that no longer exist, and whether their whole document was
-- deleted.
-- $1 user_id      uuid    the tenant
-- $2 chunk_ids    uuid[]  each once
-- $3 document_ids uuid[]  the document of each chunk
-- $4 max_rows     int     the number of chunks
-- returns: chunk_id uuid, is_deleted bool
-- index: chunks_pkey, documents_pkey
select
    s.chunk_id,
    d.id is null as is_deleted
from unnest($2::uuid[], $3::uuid[]) as s (chunk_id, document_id)
left join chunks as c on c.user_id = $1::uuid and s.chunk_id = c.id
left join documents as d on d.user_id = $1::uuid and s.document_id = d.id
where c.id is null or d.id is null
order by s.chunk_id
limit $4::int;
