-- message_jobs/claim :one
-- Gives the conversation whose messages are waiting the longest to one worker until its lease ends. Jobs that
-- another worker is claiming at this moment are passed over, not waited for.
-- $1 worker  text    who claims, for people to read
-- $2 lease   uuid    made up for this claim
-- $3 lease_s float8  seconds until the job is due again, for any worker
-- tenant: none, a worker serves all tenants; the job names the tenant of all that follows
-- returns: user_id uuid, conversation_id uuid, tries int
-- index: message_jobs_due_idx
with due as materialized (
    select
        q.user_id,
        q.conversation_id
    from message_jobs as q
    where q.due_at <= now()
    order by q.due_at
    limit 1
    for update skip locked
)

update message_jobs as j
set
    tries = j.tries + 1,
    due_at = now() + make_interval(secs => $3::float8),
    lease = $2::uuid,
    worker = $1::text
from due as d
where j.user_id = d.user_id and j.conversation_id = d.conversation_id
returning j.user_id, j.conversation_id, j.tries;
