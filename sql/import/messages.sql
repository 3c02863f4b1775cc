-- import/messages :copy
-- Messages of an export.
-- $1 user_id          uuid              the tenant
-- $2 conversation_id  uuid
-- $3 position         int8
-- $4 id               uuid
-- $5 role             text
-- $6 content          text null
-- $7 parts            jsonb null
-- $8 tool_calls       jsonb null
-- $9 tool_call_id     text null
-- $10 name            text null
-- $11 metadata        jsonb
-- $12 sources         jsonb
-- $13 token_count     int
-- $14 created_at      timestamptz
-- $15 edited_at       timestamptz null
-- $16 item            jsonb null
copy messages (
    user_id, conversation_id, position, id, role, content, parts, tool_calls, tool_call_id, name, metadata, sources,
    token_count, created_at, edited_at, item
) from stdin with (format binary);
