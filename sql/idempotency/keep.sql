-- idempotency/keep :exec
-- Last statement of the same transaction: stores a reference to the result of the request.
-- $1 user_id uuid   the tenant
-- $2 route   text
-- $3 key     text
-- $4 result  jsonb
-- index: idempotency_keys_pkey
update idempotency_keys as k
set result = $4::jsonb
where k.user_id = $1::uuid and k.route = $2::text and k.key = $3::text;
