-- message_jobs/keep :value
-- In the transaction that stores the vectors of messages: locks the job, which claims pass over until the
-- transaction ends; messages can be appended meanwhile. No row: the lease was lost, or the conversation does
-- not exist, and nothing may be stored.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid  of the claim
-- returns: tries int null
-- index: message_jobs_pkey
select j.tries
from message_jobs as j
where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid
for update;
