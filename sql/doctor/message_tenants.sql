-- doctor/message_tenants :many
-- The tenants, among those given, whose messages have more vectors than an exact search compares, for the
-- recall check of `cabinet doctor`. Counts only up to that number.
-- $1 user_ids    uuid[]  the tenants
-- $2 min_vectors int
-- $3 max_rows    int     1..100
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, counted int8
-- index: message_vectors_pkey
with sizes as (
    select
        t.user_id,
        (
            select count(*)
            from (
                select v.position
                from message_vectors as v
                where v.user_id = t.user_id
                order by v.user_id, v.conversation_id
                limit $2::int
            ) as n
        ) as counted
    from unnest($1::uuid[]) as t (user_id)
)

select
    s.user_id,
    s.counted
from sizes as s
where s.counted >= $2::int
order by s.user_id
limit $3::int;
