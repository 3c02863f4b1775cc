-- users/erase_conversations :one
-- Erases the first conversations of a user who has too many for one statement, with their messages, vectors,
-- terms and jobs, and subtracts them from the totals: about as many as fit into a number of messages, but
-- none that has more by itself. Returns the number of rows of each table.
-- $1 user_id      uuid  the tenant
-- $2 max_messages int8
-- $3 max_rows     int   maximum number of conversations, 1..10000
-- returns: conversations int8, conversation_documents int8, messages int8, message_vectors int8,
--   message_terms int8, message_jobs int8
-- index: conversations_pkey, conversation_documents_pkey, messages_pkey, message_vectors_pkey,
--   message_jobs_pkey, tenant_totals_pkey, message_terms_pkey
-- length: a batch is deleted from all tables of conversations at once, and each table is counted
with held as (
    select
        c.id,
        c.message_count
    from conversations as c
    where c.user_id = $1::uuid and c.message_count <= $2::int8
    order by c.id
    limit $3::int
    for update
),

counted as (
    select
        h.id,
        sum(h.message_count) over (
            order by h.id
            rows between unbounded preceding and current row
        ) - h.message_count as messages_before
    from held as h
),

chosen as (
    select c.id
    from counted as c
    where c.messages_before < $2::int8
),

erased_vectors as (
    delete from message_vectors as v
    using chosen as c
    where v.user_id = $1::uuid and v.conversation_id = c.id
    returning v.position
),

erased_terms as (
    delete from message_terms as t
    using chosen as c
    where t.user_id = $1::uuid and t.conversation_id = c.id
    returning t.position
),

erased_messages as (
    delete from messages as m
    using chosen as c
    where m.user_id = $1::uuid and m.conversation_id = c.id
    returning m.position
),

erased_jobs as (
    delete from message_jobs as j
    using chosen as c
    where j.user_id = $1::uuid and j.conversation_id = c.id
    returning j.conversation_id
),

erased_scopes as (
    delete from conversation_documents as s
    using chosen as c
    where s.user_id = $1::uuid and s.conversation_id = c.id
    returning s.document_id
),

erased_conversations as (
    delete from conversations as v
    using chosen as c
    where
        v.user_id = $1::uuid
        and v.id = c.id
        and (select count(*) from erased_vectors) >= 0
        and (select count(*) from erased_terms) >= 0
        and (select count(*) from erased_messages) >= 0
        and (select count(*) from erased_scopes) >= 0
    returning v.id, v.message_count
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, conversation_count, message_count)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        count(d.id) as conversation_count,
        coalesce(sum(d.message_count), 0) as message_count
    from erased_conversations as d
    where (select count(*) from erased_jobs) >= 0
    having count(d.id) > 0
    on conflict (user_id) do update
        set
            conversation_count = greatest(0, t.conversation_count - excluded.conversation_count),
            message_count = greatest(0, t.message_count - excluded.message_count)
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select
    (select count(*) from erased_conversations) as conversations,
    (select count(*) from erased_scopes) as conversation_documents,
    (select count(*) from erased_messages) as messages,
    (select count(*) from erased_vectors) as message_vectors,
    (select count(*) from erased_terms) as message_terms,
    (select count(*) from erased_jobs) as message_jobs
where (select count(*) from planned_once) >= 0;
