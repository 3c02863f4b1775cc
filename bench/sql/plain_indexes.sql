set maintenance_work_mem = '8GB';

create index plain_documents_user_id_idx on plain_documents (user_id);

create index plain_chunks_user_id_idx on plain_chunks (user_id);

create index plain_chunks_document_id_idx on plain_chunks (document_id);

create index plain_chunks_embedding_idx on plain_chunks
using hnsw (embedding vector_cosine_ops) with (m = 16, ef_construction = 64);

reset maintenance_work_mem;
