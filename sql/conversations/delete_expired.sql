-- conversations/delete_expired :value
-- Deletes expired conversations of one user, as conversations/delete does. Conversations whose expiry was
-- extended in the meantime stay. Locked rows are skipped until the next sweep.
-- $1 user_id          uuid    the tenant
-- $2 conversation_ids uuid[]  at most 1000
-- returns: deleted int8
-- index: conversations_pkey, message_jobs_pkey, conversations_expires_idx, tenant_totals_pkey
with expired as materialized (
    select c.id
    from conversations as c
    where c.user_id = $1::uuid and c.id = any($2::uuid[]) and c.expires_at <= now()
    order by c.id
    for update skip locked
),

deleted as (
    delete from conversations as c
    using expired as e
    where c.user_id = $1::uuid and c.id = e.id
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

select count(d.id) as deleted
from deleted as d
where (select count(*) from planned_once) >= 0;
