-- idempotency/delete_expired :exec
-- Deletes expired keys of one user. Keys that were claimed again in the meantime stay, and keys that are
-- being claimed are skipped.
-- $1 user_id uuid    the tenant
-- $2 routes  text[]
-- $3 keys    text[]  the key of each route
-- $4 kept_s  float8  seconds for which a key is kept
-- index: idempotency_keys_pkey
with expired as (
    select
        k.route,
        k.key
    from unnest($2::text[], $3::text[]) as e (route, key)
    inner join idempotency_keys as k on k.user_id = $1::uuid and e.route = k.route and e.key = k.key
    where k.created_at < now() - make_interval(secs => $4::float8)
    for update of k skip locked
)

delete from idempotency_keys as k
using expired as e
where k.user_id = $1::uuid and k.route = e.route and k.key = e.key;
