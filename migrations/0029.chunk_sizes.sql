-- Why: a document can be split again, into chunks of other sizes than those of the service.
-- Lock: ACCESS EXCLUSIVE on documents for milliseconds: a nullable column rewrites no row.
-- On 10M rows: milliseconds.
-- Serves: documents/rechunk, ingest/start, documents/transfer, export/documents, import/documents
-- Rollback loses: the sizes that were asked for; the chunks stay as they are.
-- depends: 0028.key_scopes_validated
alter table documents add column chunk_sizes jsonb;

comment on column documents.chunk_sizes is
'The sizes of the chunks that the client asked for, chunk_tokens and overlap_tokens; null: those of the '
'service.';
