-- ingest/write_vectors :copy
-- The vectors of the same chunks.
-- $1 user_id     uuid     the tenant
-- $2 chunk_id    uuid
-- $3 document_id uuid
-- $4 embedding   halfvec
copy chunk_vectors (user_id, chunk_id, document_id, embedding) from stdin with (format binary);
