-- ingest/claim :one
-- Gives the job that is due the longest to one worker until its lease ends. Jobs that another worker is
-- claiming at this moment are passed over, not waited for.
-- $1 worker  text    who claims, for people to read
-- $2 lease_s float8  seconds until the job is due again, for any worker
-- tenant: none, a worker serves all tenants; the job names the tenant of all that follows
-- returns: user_id uuid, document_id uuid, attempt int, tries int
-- index: ingestion_jobs_due_idx
with due as materialized (
    select
        q.user_id,
        q.document_id
    from ingestion_jobs as q
    where q.due_at <= now()
    order by q.due_at
    limit 1
    for update skip locked
)

update ingestion_jobs as j
set
    attempt = j.attempt + 1,
    tries = j.tries + 1,
    due_at = now() + make_interval(secs => $2::float8),
    worker = $1::text
from due as d
where j.user_id = d.user_id and j.document_id = d.document_id
returning j.user_id, j.document_id, j.attempt, j.tries;
