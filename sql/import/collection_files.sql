-- import/collection_files :exec
-- Files of imported collections. A document that was uploaded after the documents were exported, and a batch
-- that was begun after the batches were, are not in the export and are left out.
-- $1 user_id uuid   the tenant
-- $2 files   jsonb  rows of export/collection_files
-- index: documents_pkey, file_batches_pkey
insert into collection_files (
    user_id, collection_id, file_id, document_id, batch_id, seq, attributes, is_cancelled, created_at,
    updated_at, left_at
)
select
    $1::uuid as user_id,
    e.collection_id,
    coalesce(d.file_id, d.id) as file_id,
    d.id as document_id,
    b.id as batch_id,
    e.seq,
    e.attributes,
    e.is_cancelled,
    e.created_at,
    e.updated_at,
    e.left_at
from
    jsonb_to_recordset($2::jsonb)
        as e (
            collection_id uuid, document_id uuid, batch_id uuid, seq uuid, attributes jsonb,
            is_cancelled bool, created_at timestamptz, updated_at timestamptz, left_at timestamptz
        )
inner join documents as d on d.user_id = $1::uuid and e.document_id = d.id
left join file_batches as b
    on b.user_id = $1::uuid and e.collection_id = b.collection_id and e.batch_id = b.id;
