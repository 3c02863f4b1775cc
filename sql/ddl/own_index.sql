-- ddl/own_index :ddl
-- One large tenant's own approximate index over their vectors. m is pgvector's default; with its
-- ef_construction, 64, whole topics of 200,000 vectors could not be reached, and recall stayed at 0.95 however
-- long a search looked. `:user_id` is the tenant, `:index` the name: chunk_vectors_hnsw_ and the id without
-- its dashes.
create index concurrently if not exists :index on chunk_vectors
using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 128)
where user_id = ':user_id';
