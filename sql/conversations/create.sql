-- conversations/create :one
-- Creates a conversation and limits it to some documents. A document that does not belong to the user
-- violates the foreign key.
-- $1 user_id      uuid              the tenant
-- $2 title        text null         null: none
-- $3 document_ids uuid[]            at most 1000
-- $4 metadata     jsonb
-- $5 expires_at   timestamptz null  when it is deleted; null: never
-- returns: as conversations/get
with created as (
    insert into conversations (user_id, title, metadata, expires_at)
    values ($1::uuid, $2::text, $4::jsonb, $5::timestamptz)
    returning id, title, metadata, message_count, expires_at, created_at, updated_at
),

scoped as (
    insert into conversation_documents (user_id, conversation_id, document_id)
    select distinct
        $1::uuid as user_id,
        n.id as conversation_id,
        s.document_id
    from created as n
    cross join unnest($3::uuid[]) as s (document_id)
    returning document_id
)

select
    n.id,
    n.title,
    array(
        select s.document_id
        from scoped as s
        order by s.document_id
        limit 1000
    ) as document_ids,
    n.metadata,
    n.message_count,
    n.expires_at,
    n.created_at,
    n.updated_at
from created as n;
