-- import/users :exec
-- The user of an export, with the values from the exporting Cabinet.
-- $1 user_id     uuid         the tenant
-- $2 email       text
-- $3 name        text null    null: none
-- $4 plan        text
-- $5 preferences jsonb
-- $6 created_at  timestamptz
-- $7 updated_at  timestamptz
-- $8 external_id text null    null: none
insert into users (id, email, name, plan, preferences, created_at, updated_at, external_id)
values (
    $1::uuid, $2::text, $3::text, $4::text, $5::jsonb, $6::timestamptz, $7::timestamptz, $8::text
);
