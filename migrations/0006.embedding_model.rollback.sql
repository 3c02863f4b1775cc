drop table if exists chunk_vectors;
drop table embedding_model;
