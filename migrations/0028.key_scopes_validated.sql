-- Why: the constraint of the migration before is validated apart, so that keys are read without a lock that
--   excludes their readers and writers.
-- Lock: SHARE UPDATE EXCLUSIVE on api_keys: reads and writes go on.
-- On 10M rows: about two seconds.
-- Serves: keys/create
-- Rollback loses: nothing.
-- depends: 0027.key_scopes
alter table api_keys validate constraint api_keys_scopes_known;
