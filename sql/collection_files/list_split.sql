-- collection_files/list_split :many
-- Those of some documents that cannot get the sizes of chunks that are asked for: their chunks are the
-- client's, or they have too many readings. For the error after collection_files/add, which has the same
-- conditions.
-- $1 user_id      uuid   the tenant
-- $2 files        jsonb  as in collection_files/add
-- $3 max_readings int    further readings that one file may have
-- $4 max_rows     int    the number of files
-- returns: document_id uuid, file_type text
-- index: documents_pkey, documents_readings_idx
select
    d.id as document_id,
    d.file_type
from jsonb_array_elements($2::jsonb) with ordinality as w (file, place)
inner join documents as d on d.user_id = $1::uuid and (w.file ->> 'document_id')::uuid = d.id
where
    d.file_id is null
    and case
        when d.file_type = 'chunks'
            then nullif(w.file -> 'chunk_sizes', 'null') <> coalesce(d.chunk_sizes, 'null')
        else (
            select count(*)
            from documents as r
            where r.user_id = $1::uuid and r.file_id = d.id and r.expires_at is null
        ) >= $3::int
    end
order by w.place
limit $4::int;
