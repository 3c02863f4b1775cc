-- users/get :one
-- One user: for the user, and to check the user for whom the admin acts.
-- $1 user_id uuid  the tenant
-- returns: id uuid, external_id text null, email text, name text null, plan text, preferences jsonb,
--   created_at timestamptz, updated_at timestamptz
-- index: users_pkey
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
where u.id = $1::uuid;
