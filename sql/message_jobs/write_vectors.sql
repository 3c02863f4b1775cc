-- message_jobs/write_vectors :copy
-- Stores the vectors of messages, one or more for each.
-- $1 user_id         uuid         the tenant
-- $2 conversation_id uuid
-- $3 position        int8
-- $4 piece           int          from 0
-- $5 role            text
-- $6 created_at      timestamptz  of the message
-- $7 embedding       halfvec
-- $8 signature       bit
copy message_vectors (
    user_id, conversation_id, position, piece, role, created_at, embedding, signature
) from stdin with (format binary);
