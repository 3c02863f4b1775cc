-- The same conversations in the ORM's table.
insert into seed.conversations (id, user_id, title, document_ids, created_at, updated_at)
select
    c.id,
    c.user_id,
    c.title,
    '{}'::uuid[] as document_ids,
    c.created_at at time zone 'UTC' as created_at,
    c.updated_at at time zone 'UTC' as updated_at
from conversations as c;
