-- message_jobs/write_terms :copy
-- Stores the terms of messages, one row for each message whose vectors are stored.
-- $1 user_id         uuid         the tenant
-- $2 conversation_id uuid
-- $3 position        int8
-- $4 role            text
-- $5 created_at      timestamptz  of the message
-- $6 keys            int[]        the terms XOR the tenant's salt
-- $7 weights         sparsevec    by term
copy message_terms (
    user_id, conversation_id, position, role, created_at, keys, weights
) from stdin with (format binary);
