-- calibration/vacuum :ddl
-- Vacuums and analyzes after an ingestion without waiting for autovacuum: index-only scans of signatures need
-- the visibility map, and the planner needs statistics.
vacuum (analyze) chunk_vectors, chunks, documents;
