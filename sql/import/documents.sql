-- import/documents :copy
-- Documents of an export.
-- $1 user_id           uuid              the tenant
-- $2 id                uuid
-- $3 filename          text
-- $4 file_type         text
-- $5 file_size         int8
-- $6 purpose           text null
-- $7 status            text
-- $8 error             text null
-- $9 attempt           int
-- $10 lease_expires_at timestamptz null
-- $11 progress         real
-- $12 chunk_count      int
-- $13 chunk_sizes      jsonb null
-- $14 warnings         jsonb
-- $15 metadata         jsonb
-- $16 content_hash     uuid
-- $17 has_new_content  bool
-- $18 replaces         text null
-- $19 expires_at       timestamptz null
-- $20 created_at       timestamptz
-- $21 updated_at       timestamptz
-- $22 file_id          uuid optional     null: it has its own bytes
copy documents (
    user_id, id, filename, file_type, file_size, purpose, status, error, attempt, lease_expires_at,
    progress, chunk_count, chunk_sizes, warnings, metadata, content_hash, has_new_content,
    replaces, expires_at, created_at, updated_at, file_id
) from stdin with (format binary);
