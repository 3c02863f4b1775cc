-- documents/hold_matching :many
-- Locks documents of a user, by id, by status or by filters, in a fixed order: the oldest if there are more
-- than `max_rows`. For documents/delete in the same transaction.
-- $1 user_id        uuid         the tenant
-- $2 document_ids   uuid[] null  null: all documents; at most 1000
-- $3 status         text null    null: any
-- $4 filters        jsonb null   null: no filter; otherwise in the form of document_matches()
-- $5 collection_ids uuid[] null  only files of one of these collections; null: all
-- $6 max_rows       int          1..1000
-- returns: id uuid
-- index: documents_pkey, documents_user_status_idx, documents_user_metadata_idx, collection_files_batch_idx,
--   collection_files_seq_key
select d.id
from documents as d
where
    d.user_id = $1::uuid
    and ($2::uuid[] is null or d.id = any($2::uuid[]))
    and ($3::text is null or d.status = $3::text)
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
for update;
