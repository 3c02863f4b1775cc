-- server/lock_migrations :value
-- Whether this session may migrate the database; only one may at a time. The lock is held until the session
-- ends, so a killed session does not keep it. The statement is repeated instead of waiting for the lock: a
-- waiting statement holds a snapshot, a concurrent index build waits for older snapshots, and the two would
-- wait for each other.
-- returns: locked bool
select pg_try_advisory_lock(482109336115) as locked;
