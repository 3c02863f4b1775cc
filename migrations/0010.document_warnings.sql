-- Why: a document can be ready although some of its file was not read, such as scanned pages. The column says
--   what, for its owner. And the list of file types is in the code, where a new type is one line: the
--   constraint that repeated it is dropped.
-- Lock: ACCESS EXCLUSIVE on documents, for milliseconds: a default that is a constant rewrites no row, and
--   a constraint is dropped without reading any. SHARE UPDATE EXCLUSIVE on chunks, for the comments.
-- On 10M rows: milliseconds.
-- Serves: documents/get, documents/list, documents/list_by_status, documents/find_same, documents/create,
--   documents/update, documents/retry, documents/transfer, ingest/complete, export/documents,
--   import/documents
-- Rollback loses: the warnings. It fails if there are documents of a type that an older release does not
--   know; delete them first.
-- depends: 0009.interrupted_jobs
alter table documents add column warnings jsonb not null default '[]';

comment on column documents.warnings is
'What was not read of the file, and where: a list of sentences for its owner. Empty until it is ready.';

-- squawk-ignore ban-drop-constraint
alter table documents drop constraint documents_file_type_known;

comment on column chunks.content_hash is
'The first 16 bytes of the SHA-256 of the text that was embedded: the headings above the chunk, and its '
'content. A worker finds the vector of an equal text by it.';
comment on column chunks.metadata is
'Where the chunk is from: the headings above it (heading), its place in the document''s text in characters '
'(start, end), how many characters at its beginning and end are repeated from elsewhere (added), and its '
'place in the file, such as page.';
