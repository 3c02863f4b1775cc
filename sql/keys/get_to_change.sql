-- keys/get_to_change :one
-- One of a user's keys, locked until the end of the transaction, to compare it before it is revoked.
-- $1 user_id uuid  the tenant
-- $2 key_id  uuid
-- returns: as keys/list
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
where k.user_id = $1::uuid and k.id = $2::uuid
for no key update;
