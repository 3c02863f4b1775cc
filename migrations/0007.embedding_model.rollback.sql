drop table if exists message_vectors;
drop table if exists chunk_vectors;
drop table embedding_model;
