-- idempotency/get :one
-- The result of the earlier request with the same key.
-- $1 user_id uuid  the tenant
-- $2 route   text
-- $3 key     text
-- returns: request_digest bytea, result jsonb null
-- index: idempotency_keys_pkey
select
    k.request_digest,
    k.result
from idempotency_keys as k
where k.user_id = $1::uuid and k.route = $2::text and k.key = $3::text;
