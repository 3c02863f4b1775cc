-- samples/message_job :one
-- A job in the queue of messages to embed and its lease, for examples.
-- $1 user_id uuid  the tenant
-- returns: conversation_id text, lease text null
-- index: message_jobs_pkey
select
    j.conversation_id::text as conversation_id,
    j.lease::text as lease
from message_jobs as j
where j.user_id = $1::uuid
order by j.conversation_id
limit 1;
