-- export/conversations :many
-- A user's conversations for their export, oldest first. The documents, messages and vectors of the
-- conversations follow each page.
-- $1 user_id  uuid       the tenant
-- $2 after_id uuid null  the last id of the previous page; null: from the oldest
-- $3 max_rows int        1..1000
-- returns: id uuid, title text null, metadata jsonb, message_count int8, deleted_message_count int8,
--   expires_at timestamptz null, created_at timestamptz, updated_at timestamptz, collection_ids uuid[] null
-- index: conversations_pkey
select
    c.id,
    c.title,
    c.metadata,
    c.message_count,
    c.deleted_message_count,
    c.expires_at,
    c.created_at,
    c.updated_at,
    c.collection_ids
from conversations as c
where c.user_id = $1::uuid and ($2::uuid is null or c.id > $2::uuid)
order by c.id
limit $3::int;
