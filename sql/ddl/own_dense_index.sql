-- ddl/own_dense_index :ddl
-- Like ddl/own_index, with 1.5 times as many edges: for tenants with 100,000 vectors or more, and for models
-- with fewer than 1,024 dimensions. With m = 16, one or two of a hundred searches among 200,000 vectors of
-- 1,536 dimensions missed all ten nearest, however long the scan continued; with m = 24 they found them. The
-- build takes 1.5 times as long, and a search takes a fifth longer.
create index concurrently if not exists :index on chunk_vectors
using hnsw (signature bit_hamming_ops) with (m = 24, ef_construction = 128)
where user_id = ':user_id';
