-- Why: the documents of one name, found when a file is uploaded again: to be told from what is there, or to
--   take its place. What a killed build left is dropped first.
-- Lock: SHARE UPDATE EXCLUSIVE on documents while the index is built; reads and writes go on.
-- On 10M rows: about forty seconds; the table is read twice.
-- Serves: documents/find_same, ingest/complete, ingest/replace
-- Rollback loses: nothing but time.
-- depends: 0013.versions_and_expiry
-- transactional: false
drop index concurrently if exists documents_user_filename_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists documents_user_filename_idx on documents (user_id, filename, id);
