-- users/update :one
-- Updates the given fields of a user. Since null is a value of name and external id, these have a flag.
-- $1 user_id         uuid        the tenant
-- $2 email           text null   null: unchanged
-- $3 set_name        bool        whether to take the name
-- $4 name            text null
-- $5 plan            text null   null: unchanged
-- $6 preferences     jsonb null  null: unchanged
-- $7 set_external_id bool        whether to take the external id
-- $8 external_id     text null
-- returns: as users/get
-- index: users_pkey
update users as u
set
    email = coalesce($2::text, u.email),
    name = case when $3::bool then $4::text else u.name end,
    plan = coalesce($5::text, u.plan),
    preferences = coalesce($6::jsonb, u.preferences),
    external_id = case when $7::bool then $8::text else u.external_id end,
    updated_at = now()
where u.id = $1::uuid
returning
    u.id,
    u.external_id,
    u.email,
    u.name,
    u.plan,
    u.preferences,
    u.created_at,
    u.updated_at;
