-- samples/key :one
-- An API key of a user, for examples: its digest, which opens nothing.
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
