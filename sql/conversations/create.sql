-- conversations/create :one
-- Creates a conversation, limits it to some documents and counts it. A document that does not belong to the
-- user violates the foreign key. The first check avoids work if the limit of the user's plan is already
-- reached; a CHECK constraint of tenant_totals decides between concurrent requests. The documents are locked
-- before the totals, as in a deletion. No row: the limit is reached, or the user does not exist.
-- $1 user_id        uuid              the tenant
-- $2 title          text null         null: none
-- $3 document_ids   uuid[]            at most 1000
-- $4 metadata       jsonb
-- $5 expires_at     timestamptz null  when it is deleted; null: never
-- $6 collection_ids uuid[] optional   its collections; null or empty: none; at most 100
-- returns: as conversations/get
-- index: users_pkey, tenant_totals_pkey, documents_pkey, documents_user_filename_idx
-- length: the conversation, its documents and the count are stored together or not at all
with allowed as (
    select p.max_conversations
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        u.id = $1::uuid
        and (p.max_conversations is null or coalesce(t.conversation_count, 0) < p.max_conversations)
),

held as materialized (
    select d.id
    from documents as d
    where d.user_id = $1::uuid and d.id = any($3::uuid[])
    order by d.id
    for key share
),

created as (
    insert into conversations (user_id, title, metadata, expires_at, collection_ids)
    select
        $1::uuid as user_id,
        $2::text as title,
        $4::jsonb as metadata,
        $5::timestamptz as expires_at,
        $6::uuid[] as collection_ids
    from allowed
    where (select count(*) from held) >= 0
    returning id, title, metadata, message_count, expires_at, created_at, updated_at, collection_ids
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
),

counted as (
    insert into tenant_totals as t (user_id, chunk_count, conversation_count, conversation_limit)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        1 as conversation_count,
        a.max_conversations as conversation_limit
    from allowed as a
    cross join created
    on conflict (user_id) do update
        set
            conversation_count = t.conversation_count + excluded.conversation_count,
            conversation_limit = excluded.conversation_limit
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
    n.updated_at,
    n.collection_ids
from created as n;
