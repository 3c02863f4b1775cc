-- collection_files/list_split :many
-- Those of some documents that cannot get the sizes of chunks that are asked for: their chunks are the
-- client's, or they are in another collection with chunks of other sizes. For the error after
-- collection_files/add, which has the same conditions.
-- $1 user_id       uuid   the tenant
-- $2 collection_id uuid   to which they were to be added
-- $3 files         jsonb  as in collection_files/add
-- $4 max_rows      int    the number of files
-- returns: document_id uuid, file_type text, chunk_sizes jsonb null
-- index: documents_pkey, collection_files_document_idx
select
    d.id as document_id,
    d.file_type,
    d.chunk_sizes
from jsonb_array_elements($3::jsonb) with ordinality as w (file, place)
inner join documents as d on d.user_id = $1::uuid and (w.file ->> 'document_id')::uuid = d.id
where
    nullif(w.file -> 'chunk_sizes', 'null') <> coalesce(d.chunk_sizes, 'null')
    and (
        d.file_type = 'chunks'
        or exists (
            select 1
            from collection_files as o
            where
                o.user_id = $1::uuid
                and o.document_id = d.id
                and o.collection_id <> $2::uuid
                and not o.is_cancelled
        )
    )
order by w.place
limit $4::int;
