-- ddl/chunk_vectors_signature_index :ddl
-- A tenant's signatures, ordered by document, for index-only scans: 0.15 µs per row instead of 1 to 2 µs for
-- the vectors themselves. The exact lane of the search and the deletion of a document also find their rows
-- through this index.
create index if not exists chunk_vectors_signature_idx on chunk_vectors (user_id, document_id)
include (chunk_id, signature);
