-- users/resolve :value
-- The id of the user with an external id, for a request that names the user by it.
-- $1 external_id text
-- tenant: none, it looks for the tenant
-- returns: id uuid null
-- index: users_external_id_key
select u.id
from users as u
where u.external_id = $1::text;
