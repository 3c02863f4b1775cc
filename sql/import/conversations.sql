-- import/conversations :copy
-- Conversations of an export.
-- $1 user_id               uuid              the tenant
-- $2 id                    uuid
-- $3 title                 text null
-- $4 metadata              jsonb
-- $5 message_count         int8
-- $6 deleted_message_count int8
-- $7 expires_at            timestamptz null
-- $8 created_at            timestamptz
-- $9 updated_at            timestamptz
-- $10 collection_ids       uuid[] optional  null: not limited to collections
copy conversations (
    user_id, id, title, metadata, message_count, deleted_message_count, expires_at, created_at, updated_at,
    collection_ids
) from stdin with (format binary);
