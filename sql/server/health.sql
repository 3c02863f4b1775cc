-- server/health :one
-- For the readiness check and the metrics: the length of the queue, the age of the oldest overdue job, and
-- the number of conversations whose messages wait to be embedded.
-- tenant: none, it counts the queues of all tenants and returns no data of any
-- returns: queued int8, overdue_s float8, conversations_queued int8
-- index: ingestion_jobs_due_idx, message_jobs_due_idx
select
    count(*) as queued,
    greatest(extract(epoch from max(now() - j.due_at)), 0)::float8 as overdue_s,
    (
        select count(*)
        from (
            select q.due_at
            from message_jobs as q
            order by q.due_at
            limit 10000
        ) as m
    ) as conversations_queued
from (
    select q.due_at
    from ingestion_jobs as q
    order by q.due_at
    limit 10000
) as j;
