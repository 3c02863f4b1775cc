-- The same users in the ORM's table.
insert into seed.users (id, email, plan, created_at, updated_at)
select
    u.id,
    u.email,
    u.plan,
    u.created_at at time zone 'UTC' as created_at,
    u.updated_at at time zone 'UTC' as updated_at
from users as u;
