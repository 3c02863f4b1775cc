-- ingest/next_due :value
-- Seconds until the next job is due, negative if one is overdue, null if the queue is empty; a worker sleeps
-- for this time.
-- tenant: none, a worker serves all tenants
-- returns: due_in_s float8 null
-- index: ingestion_jobs_due_idx
select extract(epoch from j.due_at - now())::float8 as due_in_s
from ingestion_jobs as j
order by j.due_at
limit 1;
