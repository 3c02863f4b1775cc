-- ingest/write_chunks :copy
-- Stores the chunks of one document.
-- $1 user_id      uuid   the tenant
-- $2 id           uuid   of ingest/chunk_ids
-- $3 document_id  uuid
-- $4 chunk_index  int    from 0
-- $5 content      text
-- $6 token_count  int
-- $7 metadata     jsonb  the headings above it and its place
-- $8 content_hash uuid   the first 16 bytes of the SHA-256 of the text that was embedded
copy chunks (
    user_id, id, document_id, chunk_index, content, token_count, metadata, content_hash
) from stdin with (format binary);
