-- Why: an external id names one user. The index has no row for the users without one.
-- Lock: SHARE UPDATE EXCLUSIVE on users: reads and writes go on.
-- On 10M rows: about five seconds.
-- Serves: users/find_by_external_id, users/resolve
-- Rollback loses: nothing.
-- depends: 0020.external_ids_validated
-- transactional: false
drop index concurrently if exists users_external_id_key;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create unique index concurrently users_external_id_key on users (external_id) where external_id is not null;
