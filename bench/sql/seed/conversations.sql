select
    c.id,
    c.user_id,
    c.title,
    array[]::uuid[] as document_ids,
    c.created_at at time zone 'UTC' as created_at,
    c.updated_at at time zone 'UTC' as updated_at
from conversations as c;
