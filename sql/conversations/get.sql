-- conversations/get :one
-- One conversation without its messages.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- returns: id uuid, title text null, document_ids uuid[], metadata jsonb, message_count int8,
--   expires_at timestamptz null, created_at timestamptz, updated_at timestamptz, collection_ids uuid[] null
-- index: conversations_pkey, conversation_documents_pkey
select
    c.id,
    c.title,
    array(
        select cd.document_id
        from conversation_documents as cd
        where cd.user_id = $1::uuid and cd.conversation_id = c.id
        order by cd.document_id
        limit 1000
    ) as document_ids,
    c.metadata,
    c.message_count,
    c.expires_at,
    c.created_at,
    c.updated_at,
    c.collection_ids
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid;
