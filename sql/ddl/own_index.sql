-- ddl/own_index :ddl
-- One large tenant's own approximate index over their vectors. m and ef_construction are pgvector's
-- defaults, written out. `:user_id` is the tenant, `:index` the name: chunk_vectors_hnsw_ and the id without
-- its dashes.
create index concurrently if not exists :index on chunk_vectors
using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 64)
where user_id = ':user_id';
