-- Why: the constraint of the migration before is validated apart, so that users are read without a lock that
--   excludes their readers and writers.
-- Lock: SHARE UPDATE EXCLUSIVE on users: reads and writes go on.
-- On 10M rows: about two seconds.
-- Serves: users/create, users/update, import/users
-- Rollback loses: nothing.
-- depends: 0019.external_ids
alter table users validate constraint users_external_id_length;
