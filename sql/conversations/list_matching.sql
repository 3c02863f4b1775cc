-- conversations/list_matching :many
-- A user's conversations that match filters, in the order of a field, without their messages. In a custom
-- plan every condition on $4 and $5 is a constant, so that the plan has the one order asked for.
-- $1 user_id          uuid              the tenant
-- $2 conversation_ids uuid[] null       null: all conversations; at most 100
-- $3 filters          jsonb null        null: no filter; otherwise in the form of conversation_matches()
-- $4 sort             text              id | created_at | updated_at
-- $5 descending       bool              from the highest
-- $6 after            uuid null         the last id of the previous page; null: from the beginning
-- $7 after_time       timestamptz null  the time of that conversation, if sorted by it
-- $8 max_rows         int               1..101
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
where
    c.user_id = $1::uuid
    and ($2::uuid[] is null or c.id = any($2::uuid[]))
    and conversation_matches($1::uuid, $3::jsonb, c)
    and case
        when $6::uuid is null then true
        when $4::text = 'created_at' and $5::bool then (c.created_at, c.id) < ($7::timestamptz, $6::uuid)
        when $4::text = 'created_at' then (c.created_at, c.id) > ($7::timestamptz, $6::uuid)
        when $4::text = 'updated_at' and $5::bool then (c.updated_at, c.id) < ($7::timestamptz, $6::uuid)
        when $4::text = 'updated_at' then (c.updated_at, c.id) > ($7::timestamptz, $6::uuid)
        when $5::bool then c.id < $6::uuid
        else c.id > $6::uuid
    end
order by
    case when $4::text = 'created_at' and not $5::bool then c.created_at end,
    case when $4::text = 'created_at' and $5::bool then c.created_at end desc,
    case when $4::text = 'updated_at' and not $5::bool then c.updated_at end,
    case when $4::text = 'updated_at' and $5::bool then c.updated_at end desc,
    case when not $5::bool then c.id end,
    case when $5::bool then c.id end desc
limit $8::int;
