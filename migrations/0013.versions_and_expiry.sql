-- Why: a file that is uploaded again under its name can be told from the one that is there, by the digest of
--   its bytes, or can take its place; and what is to be kept for a time only says until when.
-- Lock: ACCESS EXCLUSIVE on documents, then on conversations, each for a moment: no row is read or written.
-- On 10M rows: milliseconds; what is stored already has no digest and no end.
-- Serves: documents/create, documents/find_same, ingest/complete, ingest/replace, documents/delete_expired,
--   conversations/delete_expired
-- Rollback loses: when documents and conversations end, and which uploads are to replace others.
-- depends: 0012.merge_patch
alter table documents add column content_hash uuid;
alter table documents add column replaces text;
alter table documents add column expires_at timestamptz;
alter table conversations add column expires_at timestamptz;

comment on column documents.content_hash is
'The first 16 bytes of the SHA-256 of the file; null where it was uploaded before there was this column.';
comment on column documents.replaces is
'The filename whose earlier documents go when this one is ready; null: none.';
