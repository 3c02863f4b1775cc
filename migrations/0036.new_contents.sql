-- Why: the bytes of a document can be replaced. Until they have been read, its chunks are those of the bytes
--   before; if they cannot be read, the document has failed, unlike one that could not be split again.
-- Lock: ACCESS EXCLUSIVE on documents for milliseconds: a column with a constant default rewrites no row.
-- On 10M rows: milliseconds.
-- Serves: documents/put_content, ingest/complete, ingest/fail, documents/transfer, export/documents,
--   import/documents
-- Rollback loses: which documents have chunks of earlier bytes.
-- depends: 0035.uploads
alter table documents add column has_new_content boolean not null default false;

comment on column documents.has_new_content is
'Whether its bytes were replaced and have not been read yet: its chunks are those of the bytes before.';
