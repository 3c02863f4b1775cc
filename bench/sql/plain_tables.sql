-- The usual table: text and vector in one row, the tenant as a column, one HNSW index over all, as pgvector's
-- README advises ("Filtering": an index on the filter's column beside the vector's).
create table plain_documents (
    id uuid primary key,
    user_id uuid not null,
    filename text not null
);

create table plain_chunks (
    id uuid primary key,
    user_id uuid not null,
    document_id uuid not null references plain_documents (id),
    chunk_index integer not null,
    content text not null,
    embedding vector(:dimensions) not null
);
