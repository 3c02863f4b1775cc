-- import/documents :copy
-- Documents of an export.
-- $1 user_id          uuid              the tenant
-- $2 id               uuid
-- $3 filename         text
-- $4 file_type        text
-- $5 file_size        int8
-- $6 status           text
-- $7 error            text null
-- $8 attempt          int
-- $9 lease_expires_at timestamptz null
-- $10 progress        real
-- $11 chunk_count     int
-- $12 warnings        jsonb
-- $13 metadata        jsonb
-- $14 content_hash    uuid
-- $15 replaces        text null
-- $16 expires_at      timestamptz null
-- $17 created_at      timestamptz
-- $18 updated_at      timestamptz
copy documents (
    user_id, id, filename, file_type, file_size, status, error, attempt, lease_expires_at, progress,
    chunk_count, warnings, metadata, content_hash, replaces, expires_at, created_at, updated_at
) from stdin with (format binary);
