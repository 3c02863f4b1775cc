-- export/collection_files :many
-- The files of collections, for an export, without those that have left.
-- $1 user_id             uuid       the tenant
-- $2 collection_ids      uuid[]     of export/collections, at most 1000
-- $3 after_collection_id uuid null  of the last row of the previous page; null: from the first
-- $4 after_file_id       uuid
-- $5 max_rows            int        1..1000
-- returns: collection_id uuid, file_id uuid, document_id uuid, batch_id uuid null, seq uuid,
--   attributes jsonb, is_cancelled bool, created_at timestamptz, updated_at timestamptz,
--   left_at timestamptz null
-- index: collection_files_pkey, collection_files_batch_idx
select
    f.collection_id,
    f.file_id,
    f.document_id,
    f.batch_id,
    f.seq,
    f.attributes,
    f.is_cancelled,
    f.created_at,
    f.updated_at,
    f.left_at
from collection_files as f
where
    f.user_id = $1::uuid
    and f.collection_id = any($2::uuid[])
    and f.document_id is not null
    and ($3::uuid is null or (f.collection_id, f.file_id) > ($3::uuid, $4::uuid))
order by f.collection_id, f.file_id
limit $5::int;
