-- message_jobs/hold :exec
-- First statement of the transaction that ends a job: locks the conversation, so that the next statement sees
-- every message. Without the lock, a message that is appended in between would find the existing job and
-- never get a vector.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- index: conversations_pkey
select c.id
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid
for share;
