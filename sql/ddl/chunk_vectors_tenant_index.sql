-- ddl/chunk_vectors_tenant_index :ddl
-- One tenant's vectors, and within them those of some documents: the exact lane of the search reads through
-- it.
create index if not exists chunk_vectors_user_document_idx on chunk_vectors (user_id, document_id);
