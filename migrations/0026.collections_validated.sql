-- Why: the constraints of the migration before are validated apart, so that documents are read without a lock
--   that excludes their readers and writers.
-- Lock: SHARE UPDATE EXCLUSIVE on documents: reads and writes go on.
-- On 10M rows: about ten seconds.
-- Serves: documents/create, import/documents
-- Rollback loses: nothing.
-- depends: 0025.collections
alter table documents validate constraint documents_status_known;
alter table documents validate constraint documents_purpose_length;
