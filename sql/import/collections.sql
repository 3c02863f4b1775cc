-- import/collections :copy
-- Collections of an export.
-- $1 user_id         uuid              the tenant
-- $2 id              uuid
-- $3 name            text null
-- $4 description     text null
-- $5 metadata        jsonb
-- $6 chunking        jsonb null
-- $7 expires_after_s int8 null
-- $8 last_active_at  timestamptz
-- $9 expires_at      timestamptz null
-- $10 expired_at     timestamptz null
-- $11 created_at     timestamptz
-- $12 updated_at     timestamptz
copy collections (
    user_id, id, name, description, metadata, chunking, expires_after_s, last_active_at, expires_at,
    expired_at, created_at, updated_at
) from stdin with (format binary);
