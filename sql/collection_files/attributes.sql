-- collection_files/attributes :many
-- The attributes of some files of a collection, for the results of a search.
-- $1 user_id       uuid    the tenant
-- $2 collection_id uuid
-- $3 document_ids  uuid[]  at most 100
-- $4 max_rows      int     1..100
-- returns: document_id uuid, attributes jsonb
-- index: collection_files_pkey, collection_files_batch_idx
select
    f.file_id as document_id,
    f.attributes
from collection_files as f
where
    f.user_id = $1::uuid
    and f.collection_id = $2::uuid
    and f.file_id = any($3::uuid[])
    and f.document_id is not null
order by f.file_id
limit $4::int;
