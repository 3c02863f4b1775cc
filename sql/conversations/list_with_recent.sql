-- conversations/list_with_recent :many
-- A user's conversations, newest first, each with its newest messages in order. Returns as many conversations
-- as fit into 4 MiB with their messages, but at least one, and as many messages of a conversation as fit. The
-- messages are read from the end of their primary key, so the cost does not depend on the length of a
-- conversation.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last id of the previous page; null: from the newest
-- $3 max_rows int        1..101
-- $4 recent   int        newest messages of each conversation, 1..50
-- returns: as conversations/get, messages jsonb, has_more bool
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
        c.updated_at,
        c.collection_ids
    from conversations as c
    where c.user_id = $1::uuid and ($2::uuid is null or c.id < $2::uuid)
    order by c.id desc
    limit $3::int
),

measured as (
    select
        p.id,
        n.position,
        n.own_bytes,
        n.bytes
    from page as p
    cross join lateral (
        select
            m.position,
            coalesce(octet_length(m.content), 0)
            + coalesce(octet_length(m.parts::text), 0)
            + coalesce(octet_length(m.tool_calls::text), 0)
            + octet_length(m.metadata::text)
            + octet_length(m.sources::text) as own_bytes,
            sum(
                coalesce(octet_length(m.content), 0)
                + coalesce(octet_length(m.parts::text), 0)
                + coalesce(octet_length(m.tool_calls::text), 0)
                + octet_length(m.metadata::text)
                + octet_length(m.sources::text)
            ) over (
                order by m.position desc
                rows between unbounded preceding and current row
            ) as bytes
        from messages as m
        where m.user_id = $1::uuid and m.conversation_id = p.id and m.role <> 'item'
        order by m.position desc
        limit $4::int
    ) as n
),

fitting as (
    select
        m.id,
        min(m.position) as first_position,
        max(m.bytes) as bytes
    from measured as m
    where m.bytes - m.own_bytes < 4194304
    group by m.id
),

sized as (
    select
        p.id,
        p.title,
        p.metadata,
        p.message_count,
        p.expires_at,
        p.created_at,
        p.updated_at,
        p.collection_ids,
        f.first_position,
        coalesce(
            sum(f.bytes) over (
                order by p.id desc
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bytes_before
    from page as p
    left join fitting as f on p.id = f.id
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
    c.collection_ids,
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
                        'parts', r.parts,
                        'tool_calls', r.tool_calls,
                        'tool_call_id', r.tool_call_id,
                        'name', r.name,
                        'metadata', r.metadata,
                        'sources', r.sources,
                        'token_count', r.token_count,
                        'created_at', r.created_at,
                        'edited_at', r.edited_at
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
                    m.parts,
                    m.tool_calls,
                    m.tool_call_id,
                    m.name,
                    m.metadata,
                    m.sources,
                    m.token_count,
                    m.created_at,
                    m.edited_at
                from messages as m
                where
                    m.user_id = $1::uuid
                    and m.conversation_id = c.id
                    and m.position >= c.first_position
                    and m.role <> 'item'
                order by m.position desc
                limit $4::int
            ) as r
        ),
        '[]'::jsonb
    ) as messages,
    exists(
        select n.id
        from sized as n
        where n.bytes_before >= 4194304
    ) as has_more
from sized as c
where c.bytes_before < 4194304
order by c.id desc
limit $3::int;
