-- import/file_batches :copy
-- Batches of an export.
-- $1 user_id       uuid              the tenant
-- $2 collection_id uuid
-- $3 id            uuid
-- $4 created_at    timestamptz
-- $5 cancelled_at  timestamptz null
copy file_batches (user_id, collection_id, id, created_at, cancelled_at) from stdin with (format binary);
