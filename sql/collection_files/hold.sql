-- collection_files/hold :value
-- In a transaction, before collection_files/add where files may get further readings: locks the collection,
-- the files and their readings, as that statement does. So it sees what others have added meanwhile, and two
-- requests never make the same reading. Returns how many documents are locked.
-- $1 user_id       uuid    the tenant
-- $2 collection_id uuid
-- $3 document_ids  uuid[]  each once
-- returns: documents int8
-- index: collections_pkey, documents_pkey, documents_readings_idx, documents_user_filename_idx
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid
    for no key update
),

held_documents as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and (d.id = any($3::uuid[]) or d.file_id = any($3::uuid[]))
        and (select count(*) from held) > 0
    order by d.id
    for no key update
)

select count(h.id) as documents
from held_documents as h;
