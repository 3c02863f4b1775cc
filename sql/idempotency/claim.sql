-- idempotency/claim :exec
-- First statement of the transaction of a request with a key: claims the key and waits for a concurrent
-- request with the same key. No row: that request succeeded, or an earlier one did within the time that keys
-- are kept, so this request must not take effect again.
-- $1 user_id        uuid    the tenant
-- $2 route          text    such as POST /documents
-- $3 key            text    of the header Idempotency-Key
-- $4 request_digest bytea   SHA-256 of the request
-- $5 kept_s         float8  seconds for which a key is kept
-- index: idempotency_keys_pkey
insert into idempotency_keys as k (user_id, route, key, request_digest)
values ($1::uuid, $2::text, $3::text, $4::bytea)
on conflict (user_id, route, key) do update
    set request_digest = excluded.request_digest, result = null, created_at = excluded.created_at
    where k.created_at < now() - make_interval(secs => $5::float8);
