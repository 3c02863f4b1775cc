-- documents/merge_metadata_many :one
-- Applies a JSON merge patch (RFC 7396) to the metadata of a user's documents, those given or those that
-- match the filters, oldest first; or to none if the metadata of one would become too large. The rows are
-- locked in a fixed order. The further readings of a document get its metadata.
-- $1 user_id      uuid         the tenant
-- $2 document_ids uuid[] null  null: all that match the filters; at most 1000
-- $3 filters      jsonb null   null: no filter; otherwise in the form of document_matches()
-- $4 after        uuid null    only documents with a greater id; null: from the first
-- $5 patch        jsonb        an object
-- $6 max_bytes    int          maximum size of the metadata as text
-- $7 max_rows     int          1..1000
-- returns: updated int8, too_large uuid null, last_id uuid null
-- index: documents_pkey, documents_user_metadata_idx, documents_readings_idx
with patched as materialized (
    select
        d.id,
        json_merge_patch(d.metadata, $5::jsonb) as metadata,
        greatest($6::int, octet_length(d.metadata::text)) as max_bytes
    from documents as d
    where
        d.user_id = $1::uuid
        and ($2::uuid[] is null or d.id = any($2::uuid[]))
        and ($4::uuid is null or d.id > $4::uuid)
        and d.file_id is null
        and document_matches($1::uuid, $3::jsonb, d)
    order by d.id
    limit $7::int
    for update
),

too_large as (
    select p.id
    from patched as p
    where octet_length(p.metadata::text) > p.max_bytes
    order by p.id
    limit 1
),

updated as (
    update documents as d
    set metadata = p.metadata, updated_at = now()
    from patched as p
    where d.user_id = $1::uuid and d.id = p.id and not exists (select t.id from too_large as t)
    returning d.id, d.metadata
),

shown as (
    update documents as d
    set metadata = u.metadata
    from updated as u
    where d.user_id = $1::uuid and d.file_id = u.id
)

select
    (select count(u.id) from updated as u) as updated,
    (select t.id from too_large as t) as too_large,
    (
        select p.id from patched as p
        order by p.id desc limit 1
    ) as last_id;
