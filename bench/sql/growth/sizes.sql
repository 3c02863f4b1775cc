select
    (select count(*) from chunk_vectors) as vectors,
    (select count(*) from messages) as messages,
    pg_database_size(current_database()) as bytes;
