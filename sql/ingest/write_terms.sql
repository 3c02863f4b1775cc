-- ingest/write_terms :copy
-- Stores the terms of the same chunks. A chunk without terms has no row.
-- $1 user_id     uuid       the tenant
-- $2 chunk_id    uuid
-- $3 document_id uuid
-- $4 keys        int[]      the terms XOR the tenant's salt
-- $5 weights     sparsevec  by term
copy chunk_terms (user_id, chunk_id, document_id, keys, weights) from stdin with (format binary);
