-- export/api_keys :many
-- A user's keys for an export: name and times, without the digests that authenticate them, so that an export
-- grants no access.
-- $1 user_id  uuid       the tenant
-- $2 after_id uuid null  the last id of the previous page; null: from the oldest
-- $3 max_rows int        1..1000
-- returns: id uuid, name text null, prefix text, scopes text[], collection_id uuid null,
--   created_at timestamptz, expires_at timestamptz null, revoked_at timestamptz null,
--   last_used_at timestamptz null
-- index: api_keys_pkey
select
    k.id,
    k.name,
    k.prefix,
    k.scopes,
    k.collection_id,
    k.created_at,
    k.expires_at,
    k.revoked_at,
    k.last_used_at
from api_keys as k
where k.user_id = $1::uuid and ($2::uuid is null or k.id > $2::uuid)
order by k.id
limit $3::int;
