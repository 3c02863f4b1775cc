-- server/lock_migrations :exec
-- Waits until no other process migrates this database. Held until the session ends, so a killed one leaves
-- nothing.
select pg_advisory_lock(482109336115);
