-- ddl/chunk_vectors_hnsw_index :ddl
-- The approximate index over all tenants, for the large ones; m and ef_construction are pgvector's defaults,
-- written out.
create index if not exists chunk_vectors_embedding_idx on chunk_vectors
using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 64);
