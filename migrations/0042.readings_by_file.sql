-- Why: the readings of a file are found by the file, and there is one for each choice of sizes. What is left
--   of deleted documents is found without the readings.
-- Lock: SHARE UPDATE EXCLUSIVE on documents, then on document_contents: reads and writes go on.
-- On 10M rows: about ten seconds.
-- Serves: collection_files/add, collection_files/hold, collection_files/list_of_document,
--   collection_files/list_split, collection_files/remove, collections/empty, doctor/left_over,
--   doctor/wrong_chunk_totals, documents/delete, documents/erase_left_over, documents/find_readings,
--   documents/hold_expired, documents/hold_matching, documents/list_left_over, documents/list_readings,
--   documents/merge_metadata_many, documents/put_content, documents/retry, documents/retry_many,
--   documents/update, import/hide_readings, ingest/complete, ingest/replace, users/erase_documents,
--   users/hold, users/list_left_over
-- Rollback loses: nothing.
-- depends: 0041.readings_validated
-- transactional: false
drop index concurrently if exists documents_readings_idx;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create unique index concurrently documents_readings_idx
on documents (user_id, file_id, chunk_sizes) nulls not distinct
where file_id is not null;

drop index concurrently if exists document_contents_left_over_idx;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently document_contents_left_over_idx on document_contents (user_id, document_id)
where removed_at < 'infinity';
