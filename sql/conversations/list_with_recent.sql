-- conversations/list_with_recent :many
-- A user's conversations, newest first, each with its newest messages in order: one statement for all of
-- them. The messages are read from the end of their primary key, so the cost does not depend on the length of
-- a conversation.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last id of the page before; null: from the newest
-- $3 max_rows int        1..101
-- $4 recent   int        newest messages of each conversation, 1..50
-- returns: as conversations/get, messages jsonb
-- index: conversations_pkey, messages_pkey, conversation_documents_pkey
-- length: a page and the newest messages of each of its conversations in one round trip
with page as (
    select
        c.id,
        c.title,
        c.metadata,
        c.message_count,
        c.expires_at,
        c.created_at,
        c.updated_at
    from conversations as c
    where c.user_id = $1::uuid and ($2::uuid is null or c.id < $2::uuid)
    order by c.id desc
    limit $3::int
)

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
    coalesce(
        (
            select
                jsonb_agg(
                    jsonb_build_object(
                        'id', r.id,
                        'conversation_id', r.conversation_id,
                        'position', r.position,
                        'role', r.role,
                        'content', r.content,
                        'sources', r.sources,
                        'token_count', r.token_count,
                        'created_at', r.created_at
                    )
                    order by r.position
                )
            from (
                select
                    m.id,
                    m.conversation_id,
                    m.position,
                    m.role,
                    m.content,
                    m.sources,
                    m.token_count,
                    m.created_at
                from messages as m
                where m.user_id = $1::uuid and m.conversation_id = c.id
                order by m.position desc
                limit $4::int
            ) as r
        ),
        '[]'::jsonb
    ) as messages
from page as c
order by c.id desc
limit $3::int;
