-- messages/update :one
-- Changes a message, in the transaction that holds its conversation, unless it was changed since it was read.
-- If its text changes, its vectors and terms are deleted, and the conversation gets a job that starts with
-- it. A worker that has read the old text loses its lease, so that it cannot store the vectors of that text.
-- $1 user_id         uuid        the tenant
-- $2 conversation_id uuid
-- $3 position        int8
-- $4 content         text null   null: the message has no text
-- $5 parts           jsonb null
-- $6 tool_calls      jsonb null
-- $7 name            text null
-- $8 metadata        jsonb
-- $9 token_count     int
-- $10 has_new_text   bool        whether the text, or another part that searches compare, changes
-- $11 embed          bool        whether messages are embedded
-- $12 seen           timestamptz null  edited_at as the caller read it
-- returns: as messages/list
-- index: messages_pkey, message_vectors_pkey, message_terms_pkey, conversations_pkey, message_jobs_pkey
-- length: the message, its vectors and its job change together
with changed as (
    update messages as m
    set
        content = $4::text,
        parts = $5::jsonb,
        tool_calls = $6::jsonb,
        name = $7::text,
        metadata = $8::jsonb,
        token_count = $9::int,
        edited_at = clock_timestamp()
    where
        m.user_id = $1::uuid
        and m.conversation_id = $2::uuid
        and m.position = $3::int8
        and m.edited_at is not distinct from $12::timestamptz
    returning
        m.id, m.conversation_id, m.position, m.role, m.content, m.parts, m.tool_calls, m.tool_call_id, m.name,
        m.metadata, m.sources, m.token_count, m.created_at, m.edited_at
),

forgotten as (
    delete from message_vectors as v
    using changed as n
    where v.user_id = $1::uuid and v.conversation_id = $2::uuid and v.position = n.position and $10::bool
),

forgotten_terms as (
    delete from message_terms as t
    using changed as n
    where t.user_id = $1::uuid and t.conversation_id = $2::uuid and t.position = n.position and $10::bool
),

touched as (
    update conversations as c
    set updated_at = now()
    from changed as n
    where c.user_id = $1::uuid and c.id = $2::uuid and n.position is not null
),

queued as (
    insert into message_jobs as j (user_id, conversation_id, again_from)
    select
        $1::uuid as user_id,
        n.conversation_id,
        n.position as again_from
    from changed as n
    where $10::bool and $11::bool
    on conflict (user_id, conversation_id) do update
        set
            again_from = least(j.again_from, excluded.again_from),
            due_at = excluded.due_at,
            lease = null,
            worker = null
)

select
    n.id,
    n.conversation_id,
    n.position,
    n.role,
    n.content,
    n.parts,
    n.tool_calls,
    n.tool_call_id,
    n.name,
    n.metadata,
    n.sources,
    n.token_count,
    n.created_at,
    n.edited_at
from changed as n;
