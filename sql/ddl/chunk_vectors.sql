-- ddl/chunk_vectors :ddl
-- The vectors, apart from the text and narrow: half precision and never out of line, so that comparing a
-- query with every vector of a tenant costs 1 to 2 µs a row, not 5. `:dimensions` is the width of the
-- recorded embedding model, `:bits` that of the signatures made from its vectors. A vector goes with its
-- document, not with its chunk: so a deletion finds all of a document's vectors by one scan, 50,000 in 0.1 s.
-- One by one, with their chunks, they took 0.8 s. Inserts are vacuumed soon, because signatures are read from
-- an index alone only where the visibility map knows the pages.
create table if not exists chunk_vectors (
    user_id uuid not null,
    chunk_id uuid not null,
    document_id uuid not null,
    embedding halfvec(:dimensions) storage plain not null,
    signature bit(:bits) storage plain not null,
    constraint chunk_vectors_pkey primary key (user_id, chunk_id),
    constraint chunk_vectors_document_fkey foreign key (user_id, document_id)
    references document_contents (user_id, document_id) on delete cascade
) with (autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.02);
