-- calibration/vacuum :ddl
-- Does the work of autovacuum after an ingestion at once: signatures are read from an index alone only
-- where the visibility map marks the pages, and the planner needs statistics of the tables.
vacuum (analyze) chunk_vectors, chunks, documents;
