-- ddl/chunk_vectors_signature_index :ddl
-- A tenant's signatures, read from the index alone: 0.15 µs a row, where the vectors themselves cost 1 to 2.
create index if not exists chunk_vectors_signature_idx on chunk_vectors (user_id)
include (chunk_id, document_id, signature);
