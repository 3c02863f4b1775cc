-- collection_files/remove :exec
-- Takes a file out of a collection. The file itself stays. Its row stays too for a day, without the document,
-- so that a page of the list can begin after it.
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 document_id   uuid
-- index: collection_files_pkey, collection_files_batch_idx
update collection_files as f
set document_id = null, batch_id = null, attributes = '{}', left_at = now()
where
    f.user_id = $1::uuid
    and f.collection_id = $2::uuid
    and f.file_id = $3::uuid
    and f.document_id is not null;
