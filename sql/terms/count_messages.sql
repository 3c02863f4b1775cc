-- terms/count_messages :one
-- The number of a user's messages, now and at the last sample.
-- $1 user_id uuid  the tenant
-- returns: text_count int8, sampled_count int8 null
-- index: conversations_pkey, term_samples_pkey
select
    coalesce(sum(c.message_count), 0)::int8 as text_count,
    (
        select s.text_count
        from term_samples as s
        where s.user_id = $1::uuid and s.kind = 'message'
    ) as sampled_count
from conversations as c
where c.user_id = $1::uuid;
