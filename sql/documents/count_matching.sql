-- documents/count_matching :value
-- The number of a user's documents that match filters, counted up to `max_count`.
-- $1 user_id        uuid         the tenant
-- $2 document_ids   uuid[] null  null: all documents; at most 100
-- $3 status         text null    processing | ready | error; null: any
-- $4 filters        jsonb null   null: no filter; otherwise in the form of document_matches()
-- $5 collection_ids uuid[] null  only files of one of these collections; null: all
-- $6 max_count      int          1..10001
-- $7 read_for       uuid optional  the status is that of the reading of this collection; null: of the file
-- returns: matching int8
-- index: documents_pkey, documents_user_metadata_idx, collection_files_batch_idx, collection_files_seq_key,
--   documents_user_status_idx
select count(m.id) as matching
from (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and ($2::uuid[] is null or d.id = any($2::uuid[]))
        and case
            when $3::text is null then true
            when $7::uuid is null then d.status = $3::text
            else d.id in (
                select p.file_id
                from collection_files as p
                inner join documents as r on r.user_id = $1::uuid and p.document_id = r.id
                where p.user_id = $1::uuid and p.collection_id = $7::uuid and r.status = $3::text
            )
        end
        and d.file_id is null
        and document_matches($1::uuid, $4::jsonb, d)
        and (
            $5::uuid[] is null
            or d.id in (
                select f.file_id
                from collection_files as f
                where
                    f.user_id = $1::uuid
                    and collection_file_matches($5::uuid[], null, null, f)
            )
        )
    order by d.id
    limit $6::int
) as m;
