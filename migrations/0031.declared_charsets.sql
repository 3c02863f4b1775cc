-- Why: a client that uploads a file can declare its encoding, which a worker needs to read the file.
-- Lock: ACCESS EXCLUSIVE on document_contents, for milliseconds: a null column needs no rewrite.
-- On 10M rows: milliseconds.
-- Serves: documents/create, documents/put_content, documents/transfer, file_parts/begin, ingest/start,
--   export/document_contents, import/document_contents
-- Rollback loses: the declared encodings. Files that are read already keep their text.
-- depends: 0030.message_filters
alter table document_contents
add column charset text,
add constraint document_contents_charset_length check (char_length(charset) between 1 and 40) not valid;

comment on column document_contents.charset is
'The encoding that the upload declared for the file, by its name in Python; null: none.';
