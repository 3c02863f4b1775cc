-- users/find_by_external_id :one
-- The user with an external id, for the admin.
-- $1 external_id text
-- tenant: none, it looks for the tenant
-- returns: id uuid, external_id text, email text, name text null, plan text, preferences jsonb,
--   created_at timestamptz, updated_at timestamptz
-- index: users_external_id_key
select
    u.id,
    u.external_id,
    u.email,
    u.name,
    u.plan,
    u.preferences,
    u.created_at,
    u.updated_at
from users as u
where u.external_id = $1::text;
