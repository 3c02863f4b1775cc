-- keys/create :one
-- Adds a key of a user.
-- $1 user_id    uuid              the tenant
-- $2 name       text null         null: none
-- $3 prefix     text              the first characters of the key
-- $4 key_hash   bytea             SHA-256 of the key
-- $5 expires_at timestamptz null  null: never
-- returns: as keys/list
insert into api_keys as k (user_id, name, prefix, key_hash, expires_at)
values ($1::uuid, $2::text, $3::text, $4::bytea, $5::timestamptz)
returning
    k.id,
    k.name,
    k.prefix,
    k.created_at,
    k.expires_at,
    k.revoked_at,
    k.last_used_at;
