-- ddl/chunk_vectors_storage :ddl
-- Keeps each vector in its row: a vector out of line costs 5 µs a row instead of 1 to 2.
alter table chunk_vectors alter column embedding set storage plain;
