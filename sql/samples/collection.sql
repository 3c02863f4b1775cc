-- samples/collection :one
-- The first file of a user's first collection, for examples.
-- $1 user_id uuid  the tenant
-- returns: collection_id text, collection_ids text, batch_id text null, document_id text, document_ids text,
--   files text
-- index: collection_files_pkey
select
    f.collection_id::text as collection_id,
    array[f.collection_id]::text as collection_ids,
    f.batch_id::text as batch_id,
    f.file_id::text as document_id,
    array[f.file_id]::text as document_ids,
    jsonb_build_array(jsonb_build_object('document_id', f.file_id))::text as files
from collection_files as f
where f.user_id = $1::uuid and f.document_id is not null
order by f.collection_id, f.file_id
limit 1;
