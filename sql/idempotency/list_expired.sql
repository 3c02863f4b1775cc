-- idempotency/list_expired :many
-- A batch of expired keys for a worker to delete, oldest first.
-- $1 kept_s   float8  seconds for which a key is kept
-- $2 max_rows int     1..1000
-- tenant: none, a worker sweeps for all tenants; the keys name the tenant of each deletion that follows
-- returns: user_id uuid, route text, key text
-- index: idempotency_keys_created_idx
select
    k.user_id,
    k.route,
    k.key
from idempotency_keys as k
where k.created_at < now() - make_interval(secs => $1::float8)
order by k.created_at
limit $2::int;
