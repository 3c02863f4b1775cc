-- server/health :one
-- For the readiness check: that the database answers, how long its queue is, and how long the oldest job is
-- overdue.
-- tenant: none, it counts the queue of all tenants and shows nothing of any
-- returns: queued int8, overdue_s float8
-- index: ingestion_jobs_due_idx
select
    count(*) as queued,
    greatest(extract(epoch from max(now() - j.due_at)), 0)::float8 as overdue_s
from (
    select q.due_at
    from ingestion_jobs as q
    order by q.due_at
    limit 10000
) as j;
