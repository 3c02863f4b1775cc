-- import/messages :copy
-- Messages of an export.
-- $1 user_id         uuid         the tenant
-- $2 conversation_id uuid
-- $3 position        int8
-- $4 id              uuid
-- $5 role            text
-- $6 content         text
-- $7 sources         jsonb
-- $8 token_count     int
-- $9 created_at      timestamptz
copy messages (
    user_id, conversation_id, position, id, role, content, sources, token_count, created_at
) from stdin with (format binary);
