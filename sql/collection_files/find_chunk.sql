-- collection_files/find_chunk :value
-- The place of a chunk's document in a collection; see collection_files/find_document.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 chunk_id      uuid
-- returns: seq uuid null
-- index: chunks_pkey, collections_pkey, collection_files_document_idx
select f.seq
from chunks as k
inner join collections as c
    on
        c.user_id = $1::uuid
        and c.id = $2::uuid
        and has_not_expired(c)
inner join collection_files as f
    on
        f.user_id = $1::uuid
        and c.id = f.collection_id
        and k.document_id = f.document_id
where k.user_id = $1::uuid and k.id = $3::uuid;
