-- documents/merge_metadata_many :one
-- Applies a JSON merge patch (RFC 7396) to the metadata of all given documents of a user, or to none if the
-- metadata of one would become too large. The rows are locked in a fixed order.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  at most 1000
-- $3 patch        jsonb   an object
-- $4 max_bytes    int     that metadata may take as text
-- returns: updated int8, too_large uuid null
-- index: documents_pkey, documents_user_filename_idx
with patched as materialized (
    select
        d.id,
        json_merge_patch(d.metadata, $3::jsonb) as metadata,
        greatest($4::int, octet_length(d.metadata::text)) as max_bytes
    from documents as d
    where d.user_id = $1::uuid and d.id = any($2::uuid[])
    order by d.id
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
    returning d.id
)

select
    (select count(u.id) from updated as u) as updated,
    (select t.id from too_large as t) as too_large;
