-- message_jobs/start :one
-- The position after which messages of a conversation may lack vectors (0: from the first), with the user's
-- tokens of this month and their limit. It is the last position with a vector, or the one before an edited
-- message. No row: the conversation does not exist, and the job is obsolete.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- returns: position int8, tokens_used int8, tokens_allowed int8 null
-- index: conversations_pkey, message_vectors_pkey, users_pkey, tenant_totals_pkey, message_jobs_pkey
select
    least(
        coalesce(
            (
                select v.position
                from message_vectors as v
                where v.user_id = $1::uuid and v.conversation_id = $2::uuid
                order by v.position desc
                limit 1
            ),
            0
        ),
        (
            select j.again_from - 1
            from message_jobs as j
            where j.user_id = $1::uuid and j.conversation_id = $2::uuid
        )
    ) as position,
    case
        when n.token_month = date_trunc('month', now() at time zone 'utc')::date then n.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed
from conversations as c
inner join users as u on c.user_id = u.id
inner join plans as p on u.plan = p.name
left join tenant_totals as n on u.id = n.user_id
where c.user_id = $1::uuid and c.id = $2::uuid;
