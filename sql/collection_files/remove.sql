-- collection_files/remove :exec
-- Takes a file out of a collection. The file itself stays. Its row stays too for a day, without the
-- document, so that a page of the list can begin after it. Its reading is erased, unless another
-- collection has it (documents/hold_expired).
-- $1 user_id       uuid  the tenant
-- $2 collection_id uuid
-- $3 document_id   uuid
-- index: collection_files_pkey, collection_files_batch_idx, collections_pkey, documents_readings_idx,
--   collection_files_document_idx, documents_pkey
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid
    for no key update
),

unused as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.file_id = $3::uuid
        and d.id in (
            select f.document_id
            from collection_files as f
            where f.user_id = $1::uuid and f.collection_id = $2::uuid and f.file_id = $3::uuid
        )
        and (select count(*) from held) > 0
    for no key update
),

released as (
    update documents as d
    set expires_at = now()
    from unused as u
    where d.user_id = $1::uuid and d.id = u.id
    returning d.id
)

update collection_files as f
set document_id = null, batch_id = null, attributes = '{}', left_at = now()
where
    f.user_id = $1::uuid
    and f.collection_id = $2::uuid
    and f.file_id = $3::uuid
    and f.document_id is not null
    and (select count(*) from released) >= 0;
