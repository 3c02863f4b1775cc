-- collection_readers/find_chunks :many
-- The chunks, among those given, that a user may read because their documents are in collections that other
-- users share with the user, each with its owner and its place, which a citation stores. If several owners
-- share a chunk with this id, the oldest share counts.
-- $1 reader_id uuid    the user who reads
-- $2 chunk_ids uuid[]  each once, at most 1000
-- $3 max_rows  int     the number of chunks
-- tenant: none, it finds the tenants who share chunks, and returns none of their contents
-- returns: chunk_id uuid, owner_id uuid, document_id uuid, chunk_index int
-- index: collection_readers_reader_idx, chunks_pkey, collection_files_document_idx, collection_readers_pkey,
--   collections_pkey, documents_pkey
with owners as materialized (
    select distinct p.user_id
    from collection_readers as p
    where is_shared_with($1::uuid, p) and p.user_id <> $1::uuid
),

held as materialized (
    select
        c.user_id,
        c.id,
        c.document_id,
        c.chunk_index,
        coalesce(d.file_id, d.id) as file_id
    from owners as o
    cross join unnest($2::uuid[]) as w (chunk_id)
    inner join chunks as c on o.user_id = c.user_id and w.chunk_id = c.id
    inner join documents as d on c.user_id = d.user_id and c.document_id = d.id
)

select distinct on (k.id)
    k.id as chunk_id,
    k.user_id as owner_id,
    k.file_id as document_id,
    k.chunk_index
from held as k
inner join collection_files as f on k.user_id = f.user_id and k.document_id = f.document_id
cross join
    lateral (
        select p.id
        from collection_readers as p
        inner join collections as c on p.user_id = c.user_id and p.collection_id = c.id
        where
            f.user_id = p.user_id
            and f.collection_id = p.collection_id
            and is_shared_with($1::uuid, p)
            and has_not_expired(c)
        order by p.id
        limit 1
    ) as r
order by k.id, r.id
limit $3::int;
