-- conversations/delete :value
-- Deletes a conversation with its job and (by cascade) its messages and their vectors, and subtracts it from
-- the user's totals. Returns false and deletes nothing if it has too many messages for one statement;
-- conversations/erase_messages deletes those first. No row: the conversation does not exist.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 max_messages    int8
-- returns: is_deleted bool null
-- index: conversations_pkey, message_jobs_pkey, tenant_totals_pkey
with deleted as (
    delete from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid and c.message_count <= $3::int8
    returning c.id, c.message_count
),

unqueued as (
    delete from message_jobs as j
    using deleted as d
    where j.user_id = $1::uuid and j.conversation_id = d.id
    returning j.conversation_id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, conversation_count, message_count)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        count(d.id) as conversation_count,
        coalesce(sum(d.message_count), 0) as message_count
    from deleted as d
    where (select count(*) from unqueued) >= 0
    having count(d.id) > 0
    on conflict (user_id) do update
        set
            conversation_count = greatest(0, t.conversation_count - excluded.conversation_count),
            message_count = greatest(0, t.message_count - excluded.message_count)
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select exists(select d.id from deleted as d) as is_deleted
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid and (select count(*) from planned_once) >= 0;
