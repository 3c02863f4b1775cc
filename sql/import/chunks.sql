-- import/chunks :copy
-- Chunks of an export.
-- $1 user_id      uuid         the tenant
-- $2 id           uuid
-- $3 document_id  uuid
-- $4 chunk_index  int
-- $5 content      text
-- $6 content_hash uuid
-- $7 token_count  int
-- $8 metadata     jsonb
-- $9 created_at   timestamptz
copy chunks (
    user_id, id, document_id, chunk_index, content, content_hash, token_count, metadata, created_at
) from stdin with (format binary);
