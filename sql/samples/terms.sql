-- samples/terms :one
-- The terms of a stored chunk of a user, which an example searches for.
-- $1 user_id uuid  the tenant
-- returns: term_keys text, weights text
-- index: chunk_terms_pkey
select
    t.keys[1:3]::text as term_keys,
    t.weights::text as weights
from chunk_terms as t
where t.user_id = $1::uuid
order by t.chunk_id
limit 1;
