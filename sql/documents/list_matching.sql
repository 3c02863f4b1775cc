-- documents/list_matching :many
-- A user's documents that match filters, in the order of a field. In a custom plan, every condition on sort
-- and descending is a constant, so that the plan contains only the requested order, which an index can
-- provide.
-- $1 user_id        uuid              the tenant
-- $2 document_ids   uuid[] null       null: all documents; at most 100
-- $3 status         text null         processing | ready | error; null: any
-- $4 filters        jsonb null        null: no filter; otherwise in the form of document_matches()
-- $5 collection_ids uuid[] null       only files of one of these collections; null: all
-- $6 sort           text              id | created_at | updated_at | filename | file_size
-- $7 descending     bool              from the highest
-- $8 after          uuid null         the last id of the previous page; null: from the beginning
-- $9 after_text     text null         the filename of that document, if sorted by it
-- $10 after_number  int8 null         its file_size, if sorted by it
-- $11 after_time    timestamptz null  its created_at or updated_at, if sorted by it
-- $12 max_rows      int               1..101
-- $13 read_for      uuid optional     the status is that of the reading of this collection; null: of the file
-- returns: as documents/get
-- length: every order, in both directions, and its place
-- index: documents_pkey, documents_user_metadata_idx, documents_user_filename_idx,
--   documents_user_created_idx, collection_files_batch_idx, collection_files_seq_key,
--   documents_user_status_idx
select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from documents as d
where
    d.user_id = $1::uuid
    and ($2::uuid[] is null or d.id = any($2::uuid[]))
    and case
        when $3::text is null then true
        when $13::uuid is null then d.status = $3::text
        else d.id in (
            select p.file_id
            from collection_files as p
            inner join documents as r on r.user_id = $1::uuid and p.document_id = r.id
            where p.user_id = $1::uuid and p.collection_id = $13::uuid and r.status = $3::text
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
    and case
        when $8::uuid is null then true
        when $6::text = 'created_at' and $7::bool
            then (d.created_at, d.id) < ($11::timestamptz, $8::uuid)
        when $6::text = 'created_at' then (d.created_at, d.id) > ($11::timestamptz, $8::uuid)
        when $6::text = 'updated_at' and $7::bool
            then (d.updated_at, d.id) < ($11::timestamptz, $8::uuid)
        when $6::text = 'updated_at' then (d.updated_at, d.id) > ($11::timestamptz, $8::uuid)
        when $6::text = 'filename' and $7::bool then (d.filename, d.id) < ($9::text, $8::uuid)
        when $6::text = 'filename' then (d.filename, d.id) > ($9::text, $8::uuid)
        when $6::text = 'file_size' and $7::bool then (d.file_size, d.id) < ($10::int8, $8::uuid)
        when $6::text = 'file_size' then (d.file_size, d.id) > ($10::int8, $8::uuid)
        when $7::bool then d.id < $8::uuid
        else d.id > $8::uuid
    end
order by
    case when $6::text = 'created_at' and not $7::bool then d.created_at end,
    case when $6::text = 'created_at' and $7::bool then d.created_at end desc,
    case when $6::text = 'updated_at' and not $7::bool then d.updated_at end,
    case when $6::text = 'updated_at' and $7::bool then d.updated_at end desc,
    case when $6::text = 'filename' and not $7::bool then d.filename end,
    case when $6::text = 'filename' and $7::bool then d.filename end desc,
    case when $6::text = 'file_size' and not $7::bool then d.file_size end,
    case when $6::text = 'file_size' and $7::bool then d.file_size end desc,
    case when not $7::bool then d.id end,
    case when $7::bool then d.id end desc
limit $12::int;
