-- conversations/list :many
-- A user's conversations, newest first, without their messages.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last id of the previous page; null: from the newest
-- $3 max_rows int        1..101
-- returns: as conversations/get
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
where c.user_id = $1::uuid and ($2::uuid is null or c.id < $2::uuid)
order by c.id desc
limit $3::int;
