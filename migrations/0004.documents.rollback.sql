drop table chunks;
drop table ingestion_jobs;
drop table document_contents;
drop table documents;
