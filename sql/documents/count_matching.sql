-- documents/count_matching :value
-- The number of a user's documents that pass filters, counted as far as `max_count`.
-- $1 user_id      uuid         the tenant
-- $2 document_ids uuid[] null  null: all documents; at most 100
-- $3 status       text null    processing | ready | error; null: any
-- $4 filters      jsonb null   null: no filter; else as document_matches() takes them
-- $5 max_count    int          1..10001
-- returns: matching int8
-- index: documents_pkey, documents_user_metadata_idx
select count(m.id) as matching
from (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and ($2::uuid[] is null or d.id = any($2::uuid[]))
        and ($3::text is null or d.status = $3::text)
        and document_matches($1::uuid, $4::jsonb, d)
    order by d.id
    limit $5::int
) as m;
