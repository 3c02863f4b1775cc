-- documents/list_matching :many
-- A user's documents that pass filters, in the order of a field. In a custom plan every condition on sort
-- and descending is a constant, so that the plan has the one order asked for, which an index can give.
-- $1 user_id      uuid              the tenant
-- $2 document_ids uuid[] null       null: all documents; at most 100
-- $3 status       text null         processing | ready | error; null: any
-- $4 filters      jsonb null        null: no filter; else as document_matches() takes them
-- $5 sort         text              id | created_at | updated_at | filename | file_size
-- $6 descending   bool              from the highest
-- $7 after        uuid null         the last id of the page before; null: from the beginning
-- $8 after_text   text null         the filename of that document, if sorted by it
-- $9 after_number int8 null         its file_size, if sorted by it
-- $10 after_time  timestamptz null  its created_at or updated_at, if sorted by it
-- $11 max_rows    int               1..101
-- returns: as documents/get
-- index: documents_pkey, documents_user_metadata_idx, documents_user_filename_idx, documents_user_created_idx
select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
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
    and ($3::text is null or d.status = $3::text)
    and document_matches($1::uuid, $4::jsonb, d)
    and case
        when $7::uuid is null then true
        when $5::text = 'created_at' and $6::bool
            then (d.created_at, d.id) < ($10::timestamptz, $7::uuid)
        when $5::text = 'created_at' then (d.created_at, d.id) > ($10::timestamptz, $7::uuid)
        when $5::text = 'updated_at' and $6::bool
            then (d.updated_at, d.id) < ($10::timestamptz, $7::uuid)
        when $5::text = 'updated_at' then (d.updated_at, d.id) > ($10::timestamptz, $7::uuid)
        when $5::text = 'filename' and $6::bool then (d.filename, d.id) < ($8::text, $7::uuid)
        when $5::text = 'filename' then (d.filename, d.id) > ($8::text, $7::uuid)
        when $5::text = 'file_size' and $6::bool then (d.file_size, d.id) < ($9::int8, $7::uuid)
        when $5::text = 'file_size' then (d.file_size, d.id) > ($9::int8, $7::uuid)
        when $6::bool then d.id < $7::uuid
        else d.id > $7::uuid
    end
order by
    case when $5::text = 'created_at' and not $6::bool then d.created_at end,
    case when $5::text = 'created_at' and $6::bool then d.created_at end desc,
    case when $5::text = 'updated_at' and not $6::bool then d.updated_at end,
    case when $5::text = 'updated_at' and $6::bool then d.updated_at end desc,
    case when $5::text = 'filename' and not $6::bool then d.filename end,
    case when $5::text = 'filename' and $6::bool then d.filename end desc,
    case when $5::text = 'file_size' and not $6::bool then d.file_size end,
    case when $5::text = 'file_size' and $6::bool then d.file_size end desc,
    case when not $6::bool then d.id end,
    case when $6::bool then d.id end desc
limit $11::int;
