-- import/conversations :copy
-- Conversations of an export.
-- $1 user_id       uuid              the tenant
-- $2 id            uuid
-- $3 title         text null
-- $4 metadata      jsonb
-- $5 message_count int8
-- $6 expires_at    timestamptz null
-- $7 created_at    timestamptz
-- $8 updated_at    timestamptz
copy conversations (
    user_id, id, title, metadata, message_count, expires_at, created_at, updated_at
) from stdin with (format binary);
