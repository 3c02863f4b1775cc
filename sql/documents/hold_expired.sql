-- documents/hold_expired :many
-- Locks expired documents of one user for documents/delete in the same transaction. Documents whose expiry
-- was extended in the meantime are not returned, and locked rows are skipped until the next sweep. A reading
-- that has left a collection expires at once, but stays if another collection contains it.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  at most 1000
-- $3 max_rows     int     the number of ids
-- returns: id uuid
-- index: documents_expires_idx, collection_files_document_idx, documents_readings_idx
with expired as materialized (
    select d.id
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id = any($2::uuid[])
        and d.expires_at <= now()
        and (
            d.file_id is null
            or not exists (
                select 1
                from collection_files as f
                where f.user_id = $1::uuid and f.document_id = d.id
            )
        )
    order by d.id
    for update skip locked
),

checked as materialized (
    select
        d.id,
        d.expires_at
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id = any($2::uuid[])
        and d.file_id is not null
        and d.expires_at <= now()
        and exists (
            select 1
            from collection_files as f
            where f.user_id = $1::uuid and f.document_id = d.id
        )
),

kept as (
    update documents as d
    set expires_at = null
    from checked as c
    where d.user_id = $1::uuid and d.id = c.id and d.expires_at = c.expires_at
)

select e.id
from expired as e
order by e.id
limit $3::int;
