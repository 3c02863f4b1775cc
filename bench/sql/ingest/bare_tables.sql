-- The columns of the service's two tables, and nothing else: no index, no key, no foreign key, no check.
-- Widths and storage are the same, so the same bytes are written.
create table bare_chunks (like chunks including storage including defaults);

create table bare_chunk_vectors (like chunk_vectors including storage);
