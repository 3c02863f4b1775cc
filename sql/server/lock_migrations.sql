-- server/lock_migrations :value
-- Whether this session may migrate the database; only one may at a time. Held until the session ends, so a
-- killed one leaves nothing. It is asked again and again, not waited for: a statement that waits has a
-- snapshot, an index that is built concurrently waits for older snapshots to go, and so the two would wait
-- for each other.
-- returns: locked bool
select pg_try_advisory_lock(482109336115) as locked;
