-- calibration/vacuum :ddl
-- Does at once what autovacuum does soon after an ingestion: signatures are read from an index alone only
-- where the visibility map knows the pages, and the planner knows the tables by their statistics.
vacuum (analyze) chunk_vectors, chunks, documents;
