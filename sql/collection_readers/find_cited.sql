-- collection_readers/find_cited :many
-- The chunks, among those that messages of a user cite, that their owners still share with the user: with the
-- oldest valid share and the place of the document in the collection, as in collection_readers/find_document.
-- $1 reader_id uuid    the user whose messages cite them
-- $2 chunk_ids uuid[]  each once with its owner
-- $3 owner_ids uuid[]  the owner of each chunk at the time of the citation
-- $4 max_rows  int     the number of chunks
-- tenant: none, it compares chunks of several tenants with their shares, and returns none of their contents
-- returns: chunk_id uuid, owner_id uuid, share_id uuid, seq uuid
-- index: chunks_pkey, collection_files_document_idx, collection_readers_pkey, collections_pkey
with held as materialized (
    select
        c.user_id,
        c.id,
        c.document_id
    from unnest($2::uuid[], $3::uuid[]) as w (chunk_id, owner_id)
    inner join chunks as c on w.owner_id = c.user_id and w.chunk_id = c.id
)

select distinct on (k.id, k.user_id)
    k.id as chunk_id,
    k.user_id as owner_id,
    r.id as share_id,
    f.seq
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
order by k.id, k.user_id, r.id, f.seq
limit $4::int;
