-- users/create_signed_in :exec
-- Creates the user of a token when the token is first used, without a key. Does nothing if another user has
-- the external id or the address.
-- $1 email       text
-- $2 name        text null  null: none
-- $3 plan        text
-- $4 external_id text       the subject of the token
-- tenant: none, it creates the tenant
with created as (
    insert into users (email, name, plan, external_id)
    values ($1::text, $2::text, $3::text, $4::text)
    on conflict do nothing
    returning id
)

insert into tenant_totals (user_id, chunk_count)
select
    c.id as user_id,
    0 as chunk_count
from created as c;
