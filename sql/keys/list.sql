-- keys/list :many
-- A user's keys, newest first, including revoked ones, without their secrets.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last id of the previous page; null: from the newest
-- $3 max_rows int        1..101
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
where k.user_id = $1::uuid and ($2::uuid is null or k.id < $2::uuid)
order by k.id desc
limit $3::int;
