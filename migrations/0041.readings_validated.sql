-- Why: the foreign key of the migration before is validated apart, so that documents are read and written
--   meanwhile.
-- Lock: SHARE UPDATE EXCLUSIVE on documents, ROW SHARE on it: reads and writes go on.
-- On 10M rows: about two seconds.
-- Serves: documents/delete
-- Rollback loses: nothing.
-- depends: 0040.readings
alter table documents validate constraint documents_file_fkey;
