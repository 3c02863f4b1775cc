-- messages/append :many
-- Appends messages to a conversation in the given order, all or none. The row of the conversation assigns the
-- positions under its lock, so concurrent writers neither lose nor interleave messages, and none is assigned
-- twice, even after messages were deleted. A source is a chunk of the same user, whose text is stored with
-- the message, or a chunk that another user shares, of which only the place is stored. If messages are
-- embedded, the conversation gets a job unless it has one. The user's totals are updated after all other
-- locks; as in documents/create, a CHECK constraint decides whether concurrent appends exceed the limit of
-- the plan. No row: the conversation or a source does not exist, or the limit is reached.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 roles           text[]  as in messages_role_known; one entry per message, at most 1000
-- $4 contents        text[]  null: the message has no text
-- $5 token_counts    int[]
-- $6 source_messages int[]   the message that cites each source, from 1
-- $7 source_chunks   uuid[]  the chunk of each source
-- $8 embed           bool    whether the messages are to be embedded
-- $9 details         jsonb[] an object of the other columns of each message; null: none
-- $10 shared_sources jsonb[] optional  the stored value of each source that is not a chunk of the user
-- returns: as messages/list
-- index: conversations_pkey, chunks_pkey, documents_pkey, usage_days_pkey, message_jobs_pkey, users_pkey,
--   tenant_totals_pkey
-- bound: by the messages given
-- length: the messages, their sources, their job and the totals are stored together or not at all
with allowed as (
    select p.max_messages
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        u.id = $1::uuid
        and (
            p.max_messages is null
            or coalesce(t.message_count, 0) + cardinality($3::text[]) <= p.max_messages
        )
),

own as (
    select
        s.message_number,
        s.source_number,
        jsonb_build_object(
            'chunk_id', c.id,
            'document_id', coalesce(d.file_id, d.id),
            'filename', d.filename,
            'chunk_index', c.chunk_index,
            'content', c.content
        ) as source
    from unnest($6::int[], $7::uuid[]) with ordinality as s (message_number, chunk_id, source_number)
    inner join chunks as c on c.user_id = $1::uuid and s.chunk_id = c.id
    inner join documents as d on d.user_id = $1::uuid and c.document_id = d.id
),

cited as (
    select
        o.message_number,
        o.source_number,
        o.source
    from own as o
    union all
    select
        s.message_number,
        s.source_number,
        s.source
    from unnest($6::int[], $10::jsonb[]) with ordinality as s (message_number, source, source_number)
    where
        s.source is not null
        and not exists (
            select o.source_number
            from own as o
            where o.source_number = s.source_number
        )
),

placed as (
    update conversations as v
    set message_count = v.message_count + cardinality($3::text[]), updated_at = now()
    where
        v.user_id = $1::uuid
        and v.id = $2::uuid
        and (select count(*) from cited) = cardinality($7::uuid[])
        and (select count(*) from allowed) > 0
    returning v.id, v.message_count + v.deleted_message_count - cardinality($3::text[]) as last_position
),

appended as (
    insert into messages as m (
        user_id,
        conversation_id,
        position,
        role,
        content,
        parts,
        tool_calls,
        tool_call_id,
        name,
        metadata,
        sources,
        token_count,
        created_at,
        item
    )
    select
        $1::uuid as user_id,
        p.id as conversation_id,
        p.last_position + n.message_number as position,
        n.role,
        n.content,
        n.details -> 'parts' as parts,
        n.details -> 'tool_calls' as tool_calls,
        n.details ->> 'tool_call_id' as tool_call_id,
        n.details ->> 'name' as name,
        coalesce(n.details -> 'metadata', '{}') as metadata,
        coalesce(
            (
                select jsonb_agg(c.source order by c.source_number)
                from cited as c
                where c.message_number = n.message_number
            ),
            '[]'::jsonb
        ) as sources,
        n.token_count,
        coalesce((n.details ->> 'created_at')::timestamptz, now()) as created_at,
        n.details -> 'item' as item
    from placed as p
    cross join
        unnest($3::text[], $4::text[], $5::int[], $9::jsonb[])
        with ordinality as n (role, content, token_count, details, message_number)
    returning
        m.id, m.conversation_id, m.position, m.role, m.content, m.parts, m.tool_calls, m.tool_call_id, m.name,
        m.metadata, m.sources, m.token_count, m.created_at, m.edited_at
),

queued as (
    insert into message_jobs (user_id, conversation_id)
    select
        $1::uuid as user_id,
        p.id as conversation_id
    from placed as p
    where $8::bool
    on conflict (user_id, conversation_id) do nothing
    returning conversation_id
),

counted as (
    insert into tenant_totals as t (user_id, chunk_count, message_count, message_limit)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        cardinality($3::text[]) as message_count,
        a.max_messages as message_limit
    from allowed as a
    cross join placed
    where (select count(*) from queued) >= 0
    on conflict (user_id) do update
        set
            message_count = t.message_count + excluded.message_count,
            message_limit = excluded.message_limit
    returning t.user_id
),

noted as (
    insert into usage_days as u (user_id, day, slot, messages)
    select
        $1::uuid as user_id,
        (now() at time zone 'utc')::date as day,
        pg_backend_pid() % 16 as slot,
        cardinality($3::text[]) as messages
    from counted
    on conflict (user_id, day, slot) do update
        set messages = u.messages + excluded.messages
)

select
    a.id,
    a.conversation_id,
    a.position,
    a.role,
    a.content,
    a.parts,
    a.tool_calls,
    a.tool_call_id,
    a.name,
    a.metadata,
    a.sources,
    a.token_count,
    a.created_at,
    a.edited_at
from appended as a
order by a.position;
