-- collection_readers/find_chunk :one
-- The owner of a chunk that a user may read because its document is in a collection that is shared with the
-- user; see collection_readers/find_document.
-- $1 reader_id uuid  the user who reads
-- $2 chunk_id  uuid
-- tenant: none, it finds the tenant who shares a document, and returns none of its contents
-- returns: as collection_readers/find_document
-- index: collection_readers_reader_idx, chunks_pkey, collections_pkey, collection_files_document_idx
select
    r.user_id as owner_id,
    r.id as share_id,
    f.seq,
    f.collection_id,
    f.document_id as reading_id
from collection_readers as r
inner join chunks as k on r.user_id = k.user_id and k.id = $2::uuid
inner join collection_files as f
    on
        r.user_id = f.user_id
        and k.document_id = f.document_id
        and r.collection_id is not distinct from f.collection_id
inner join
    lateral (
        select c.id
        from collections as c
        where
            r.user_id = c.user_id
            and r.collection_id = c.id
            and has_not_expired(c)
        order by c.id
        limit 1
    ) as e
    on r.collection_id = e.id
where is_shared_with($1::uuid, r)
order by r.id
limit 1;
