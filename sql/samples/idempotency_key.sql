-- samples/idempotency_key :one
-- A stored Idempotency-Key of a user, for examples.
-- $1 user_id uuid  the tenant
-- returns: route text, key text, request_digest text
-- index: idempotency_keys_pkey
select
    k.route,
    k.key,
    k.request_digest::text as request_digest
from idempotency_keys as k
where k.user_id = $1::uuid
order by k.route, k.key
limit 1;
