drop function document_matches(uuid, jsonb, documents);
drop table chunks;
drop table ingestion_jobs;
drop table document_contents;
drop table documents;
