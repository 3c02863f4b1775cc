-- message_jobs/hold :exec
-- First statement of the transaction that ends a job: nobody appends to the conversation until it is over, so
-- that what the next statement sees of its messages is all there is. Without it a message could come in
-- between, find the job still there, and be left without a vector.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- index: conversations_pkey
select c.id
from conversations as c
where c.user_id = $1::uuid and c.id = $2::uuid
for share;
