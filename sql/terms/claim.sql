-- terms/claim :one
-- Claims the texts of one user that have no terms yet, for one worker until the lease ends: those that have
-- been due the longest. They were stored before this release, or imported. Jobs that another worker is
-- claiming are skipped.
-- $1 lease_s float8  seconds until the job is due again, for any worker
-- tenant: none, a worker serves all tenants; the job names the tenant of all that follows
-- returns: user_id uuid, chunk_id uuid null, conversation_id uuid null, position int8 null
-- index: term_jobs_due_idx, term_jobs_pkey
update term_jobs as j
set due_at = now() + make_interval(secs => $1::float8)
from (
    select q.user_id
    from term_jobs as q
    where q.due_at <= now()
    order by q.due_at
    limit 1
    for update skip locked
) as d
where j.user_id = d.user_id
returning j.user_id, j.chunk_id, j.conversation_id, j.position;
