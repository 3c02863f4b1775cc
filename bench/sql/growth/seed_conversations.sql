insert into seed.conversations (id, user_id, title, created_at, updated_at)
select
    c.id,
    c.user_id,
    c.title,
    c.created_at at time zone 'UTC' as created_at,
    c.updated_at at time zone 'UTC' as updated_at
from conversations as c
where c.user_id = any($1::uuid[]);
