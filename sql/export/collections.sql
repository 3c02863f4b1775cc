-- export/collections :many
-- A user's collections for their export, oldest first.
-- $1 user_id  uuid       the tenant
-- $2 after_id uuid null  the last id of the previous page; null: from the oldest
-- $3 max_rows int        1..1000
-- returns: id uuid, name text null, description text null, metadata jsonb, chunking jsonb null,
--   expires_after_s int8 null, last_active_at timestamptz, expires_at timestamptz null,
--   expired_at timestamptz null, created_at timestamptz, updated_at timestamptz
-- index: collections_pkey
select
    c.id,
    c.name,
    c.description,
    c.metadata,
    c.chunking,
    c.expires_after_s,
    c.last_active_at,
    c.expires_at,
    c.expired_at,
    c.created_at,
    c.updated_at
from collections as c
where c.user_id = $1::uuid and ($2::uuid is null or c.id > $2::uuid)
order by c.id
limit $3::int;
