-- server/queues :many
-- For the metrics, by queue and by the plan of the users: the number of jobs, the age of the oldest overdue
-- one, and the number of expired leases, whose workers died or are cut off and whose jobs no other worker has
-- taken over yet. At most 10,000 jobs of each queue are counted, those that are due first. The `limit 1`
-- keeps the planner from reading all users.
-- tenant: none, it counts the jobs of all tenants and shows nothing of any
-- returns: queue text, plan text, jobs int8, overdue_s float8, expired_leases int8
-- index: ingestion_jobs_due_idx, users_pkey, message_jobs_due_idx
select
    t.queue,
    p.plan,
    sum(t.jobs)::int8 as jobs,
    max(t.overdue_s) as overdue_s,
    sum(t.expired_leases)::int8 as expired_leases
from (
    select
        j.queue,
        j.user_id,
        count(*) as jobs,
        greatest(extract(epoch from max(now() - j.due_at)), 0)::float8 as overdue_s,
        count(*) filter (where j.worker is not null and j.due_at <= now()) as expired_leases
    from (
        (
            select
                'documents' as queue,
                q.user_id,
                q.due_at,
                q.worker
            from ingestion_jobs as q
            order by q.due_at
            limit 10000
        )
        union all
        (
            select
                'messages' as queue,
                q.user_id,
                q.due_at,
                q.worker
            from message_jobs as q
            order by q.due_at
            limit 10000
        )
    ) as j
    group by j.queue, j.user_id
) as t
inner join lateral (
    select u.plan
    from users as u
    where u.id = t.user_id
    order by u.id
    limit 1
) as p on true
group by t.queue, p.plan
order by t.queue, p.plan
limit 200;
