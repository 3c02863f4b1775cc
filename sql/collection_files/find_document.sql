-- collection_files/find_document :one
-- The place of a document in a collection that has not expired, for a key that reaches this collection alone.
-- It is new when the document is added again. reading_id is the document, or the further reading that the
-- collection has of it. No row: the document is not in it.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 document_id   uuid
-- returns: seq uuid, reading_id uuid
-- index: collections_pkey, collection_files_pkey, collection_files_batch_idx
select
    f.seq,
    f.document_id as reading_id
from collections as c
inner join collection_files as f
    on
        f.user_id = $1::uuid
        and c.id = f.collection_id
        and f.file_id = $3::uuid
        and f.document_id is not null
where
    c.user_id = $1::uuid
    and c.id = $2::uuid
    and has_not_expired(c);
