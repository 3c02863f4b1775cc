-- Why: counts the conversations, messages and keys of each user for the limits of 0013.plan_bounds, and gives
--   these limits to the plans that a new database has. What servers of an earlier release add afterwards is
--   not counted; cabinet usage recount recomputes a user's totals.
-- Lock: SHARE UPDATE EXCLUSIVE on tenant_totals, which waits for no reader or writer; the row of each user is
--   locked until the end, so uploads wait meanwhile. Two rows of plans are updated.
-- On 10M rows: about ten seconds for ten million conversations; no message is read.
-- Serves: usage/quotas, conversations/create, messages/append, keys/create
-- Rollback loses: nothing; the totals of conversations, messages and keys are 0 again.
-- depends: 0013.plan_bounds
with talks as (
    select
        c.user_id,
        count(*) as conversations,
        sum(c.message_count) as messages
    from conversations as c
    group by c.user_id
),

valid_keys as (
    select
        k.user_id,
        count(*) as keys
    from api_keys as k
    where k.revoked_at is null
    group by k.user_id
)

insert into tenant_totals (user_id, conversation_count, message_count, key_count)
select
    u.id as user_id,
    coalesce(c.conversations, 0) as conversation_count,
    coalesce(c.messages, 0) as message_count,
    coalesce(k.keys, 0) as key_count
from users as u
left join talks as c on u.id = c.user_id
left join valid_keys as k on u.id = k.user_id
order by u.id
on conflict (user_id) do update
    set
        conversation_count = excluded.conversation_count,
        message_count = excluded.message_count,
        key_count = excluded.key_count;

update plans
set max_conversations = 10000, max_messages = 100000, max_keys = 100
where name = 'free';

update plans
set max_conversations = 1000000, max_messages = 10000000, max_keys = 1000
where name = 'pro';

alter table tenant_totals validate constraint tenant_totals_conversations_quota;
alter table tenant_totals validate constraint tenant_totals_messages_quota;
alter table tenant_totals validate constraint tenant_totals_keys_quota;
