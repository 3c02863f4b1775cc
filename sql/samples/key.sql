-- samples/key :one
-- The digest of a user's API key, for examples; a digest does not authenticate.
-- $1 user_id uuid  the tenant
-- returns: key_id text, key_hash text
-- index: api_keys_pkey
select
    k.id::text as key_id,
    k.key_hash::text as key_hash
from api_keys as k
where k.user_id = $1::uuid
order by k.id
limit 1;
