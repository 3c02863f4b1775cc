-- doctor/queues :many
-- The two queues of the workers, for `cabinet doctor`: the number of jobs, the age of the longest overdue job
-- that no worker holds, and the number and age of expired leases. Reads the first 10,000 due jobs of each
-- queue.
-- $1 max_rows int  2 or more
-- tenant: none, it counts the queues of all tenants and returns no data of any
-- returns: queue text, jobs int8, waiting_s float8, abandoned int8, abandoned_s float8
-- index: ingestion_jobs_due_idx, message_jobs_due_idx
select
    j.queue,
    count(*) as jobs,
    coalesce(max(j.overdue_s) filter (where j.worker is null), 0)::float8 as waiting_s,
    count(*) filter (where j.worker is not null and j.overdue_s > 0) as abandoned,
    coalesce(max(j.overdue_s) filter (where j.worker is not null), 0)::float8 as abandoned_s
from (
    (
        select
            'documents' as queue,
            d.worker,
            greatest(extract(epoch from now() - d.due_at), 0) as overdue_s
        from ingestion_jobs as d
        order by d.due_at
        limit 10000
    )
    union all
    (
        select
            'messages' as queue,
            m.worker,
            greatest(extract(epoch from now() - m.due_at), 0) as overdue_s
        from message_jobs as m
        order by m.due_at
        limit 10000
    )
) as j
group by j.queue
order by j.queue
limit $1::int;
