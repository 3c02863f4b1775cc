-- keys/revoke :exec
-- Revokes one key permanently. Idempotent.
-- $1 user_id uuid  the tenant
-- $2 key_id  uuid
-- index: api_keys_pkey
update api_keys as k
set revoked_at = coalesce(k.revoked_at, now())
where k.user_id = $1::uuid and k.id = $2::uuid;
