-- indexes/lock :value
-- Whether this session may change the tenants' indexes; only one may at a time. Held until the session ends.
-- returns: locked bool
select pg_try_advisory_lock(482109336116) as locked;
