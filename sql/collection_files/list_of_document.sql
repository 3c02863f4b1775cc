-- collection_files/list_of_document :many
-- The collections that a document is in, for a key that reaches one of them alone.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 first_id    uuid  the collection that is listed first, if the document is in it
-- $4 max_rows    int   1..100
-- returns: collection_id uuid
-- index: collection_files_document_idx, documents_pkey, documents_readings_idx
select f.collection_id
from collection_files as f
where
    f.user_id = $1::uuid
    and f.document_id in (
        select d.id
        from documents as d
        where d.user_id = $1::uuid and (d.id = $2::uuid or d.file_id = $2::uuid)
    )
order by f.collection_id <> $3::uuid, f.collection_id
limit $4::int;
