-- ingest/write_vectors :copy
-- Stores the vectors of the same chunks.
-- $1 user_id     uuid     the tenant
-- $2 chunk_id    uuid
-- $3 document_id uuid
-- $4 embedding   halfvec
-- $5 signature   bit
copy chunk_vectors (user_id, chunk_id, document_id, embedding, signature) from stdin with (format binary);
