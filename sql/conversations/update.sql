-- conversations/update :one
-- Updates the given fields of a conversation. New documents replace all existing ones; in that case
-- conversations/hold runs first in the same transaction.
-- $1 user_id         uuid              the tenant
-- $2 conversation_id uuid
-- $3 set_title       bool              whether to set the title
-- $4 title           text null         null: none
-- $5 document_ids    uuid[] null       null: unchanged; at most 1000
-- $6 metadata        jsonb null        null: unchanged
-- $7 set_expires_at  bool              whether to set expires_at
-- $8 expires_at      timestamptz null  null: never
-- $9 collection_ids  uuid[] optional   null: unchanged; at most 100; empty: no limit
-- returns: as conversations/get
-- index: conversations_pkey, conversation_documents_pkey
-- length: the conversation and its documents change together or not at all
with changed as (
    update conversations as c
    set
        title = case when $3::bool then $4::text else c.title end,
        metadata = coalesce($6::jsonb, c.metadata),
        expires_at = case when $7::bool then $8::timestamptz else c.expires_at end,
        collection_ids = coalesce($9::uuid[], c.collection_ids),
        updated_at = now()
    where c.user_id = $1::uuid and c.id = $2::uuid
    returning
        c.id,
        c.title,
        c.metadata,
        c.message_count,
        c.expires_at,
        c.created_at,
        c.updated_at,
        c.collection_ids
),

removed as (
    delete from conversation_documents as cd
    where
        cd.user_id = $1::uuid
        and cd.conversation_id = $2::uuid
        and $5::uuid[] is not null
        and cd.document_id <> all($5::uuid[])
),

added as (
    insert into conversation_documents (user_id, conversation_id, document_id)
    select distinct
        $1::uuid as user_id,
        n.id as conversation_id,
        s.document_id
    from changed as n
    cross join unnest($5::uuid[]) as s (document_id)
    on conflict do nothing
)

select
    c.id,
    c.title,
    case
        when $5::uuid[] is null
            then array(
                select cd.document_id
                from conversation_documents as cd
                where cd.user_id = $1::uuid and cd.conversation_id = c.id
                order by cd.document_id
                limit 1000
            )
        else array(
            select distinct s.document_id
            from unnest($5::uuid[]) as s (document_id)
            order by s.document_id
            limit 1000
        )
    end as document_ids,
    c.metadata,
    c.message_count,
    c.expires_at,
    c.created_at,
    c.updated_at,
    c.collection_ids
from changed as c;
