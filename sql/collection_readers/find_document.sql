-- collection_readers/find_document :one
-- The owner of a document that a user may read because it is in a collection that is shared with the user,
-- with the oldest valid share and the place of the document in the collection; both change when the
-- collection is shared again or the document is added again. reading_id is the document, or the further
-- reading that the collection has of it. No row: the document is not shared with the user.
-- $1 reader_id   uuid  the user who reads
-- $2 document_id uuid
-- tenant: none, it finds the tenant who shares a document, and returns none of its contents
-- returns: owner_id uuid, share_id uuid, seq uuid, collection_id uuid, reading_id uuid
-- index: collection_readers_reader_idx, collections_pkey, collection_files_batch_idx,
--   collection_files_seq_key
select
    r.user_id as owner_id,
    r.id as share_id,
    f.seq,
    f.collection_id,
    f.document_id as reading_id
from collection_readers as r
inner join collection_files as f
    on
        r.user_id = f.user_id
        and r.collection_id = f.collection_id
        and f.file_id = $2::uuid
        and f.document_id is not null
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
