-- doctor/wrong_conversation_totals :many
-- Tenants, among those given, whose stored numbers of conversations, messages and keys, which enforce the
-- limits of their plan, differ from the actual ones, for `cabinet doctor`. Reads the rows of their
-- conversations and keys, but no messages.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, noted int8, counted int8, noted_messages int8, counted_messages int8,
--   noted_keys int8, counted_keys int8
-- index: tenant_totals_pkey, conversations_pkey, api_keys_pkey
with talks as (
    select
        c.user_id,
        count(*) as conversations,
        sum(c.message_count)::bigint as messages
    from conversations as c
    where c.user_id = any($1::uuid[])
    group by c.user_id
),

valid_keys as (
    select
        k.user_id,
        count(*) as keys
    from api_keys as k
    where k.user_id = any($1::uuid[]) and k.revoked_at is null
    group by k.user_id
)

select
    t.user_id,
    coalesce(n.conversation_count, 0) as noted,
    coalesce(c.conversations, 0) as counted,
    coalesce(n.message_count, 0) as noted_messages,
    coalesce(c.messages, 0) as counted_messages,
    coalesce(n.key_count, 0) as noted_keys,
    coalesce(k.keys, 0) as counted_keys
from unnest($1::uuid[]) as t (user_id)
left join tenant_totals as n on t.user_id = n.user_id
left join talks as c on t.user_id = c.user_id
left join valid_keys as k on t.user_id = k.user_id
where
    coalesce(n.conversation_count, 0) <> coalesce(c.conversations, 0)
    or coalesce(n.message_count, 0) <> coalesce(c.messages, 0)
    or coalesce(n.key_count, 0) <> coalesce(k.keys, 0)
order by t.user_id
limit $2::int;
