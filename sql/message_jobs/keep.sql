-- message_jobs/keep :value
-- In the transaction that stores the vectors of messages: locks the conversation against deletion, as the
-- foreign key of the vectors will, and then the job, which claims skip until the transaction ends; messages
-- can be appended meanwhile. In the reverse order, it would deadlock with an erasure that holds the
-- conversation and waits for the job. Deletes terms of an older text that the messages have got in the
-- meantime. No row: the lease was lost, or the conversation does not exist, and nothing may be stored.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid    of the claim
-- $4 positions       int8[]  of the messages
-- returns: tries int null
-- index: conversations_pkey, message_jobs_pkey, message_terms_pkey
-- plan: generic
with held as materialized (
    select c.id
    from conversations as c
    where c.user_id = $1::uuid and c.id = $2::uuid
    for key share
),

forgotten as (
    delete from message_terms as t
    where t.user_id = $1::uuid and t.conversation_id = $2::uuid and t.position = any($4::int8[])
)

select j.tries
from message_jobs as j
where
    j.user_id = $1::uuid
    and j.conversation_id = $2::uuid
    and j.lease = $3::uuid
    and (select count(*) from held) > 0
for update;
