-- doctor/jobs_without_work :many
-- Jobs whose document or conversation no longer exists, or whose document is no longer processing, for
-- `cabinet doctor`. The worker that claims such a job drops it. Reads the first 10,000 due jobs of each
-- queue.
-- $1 max_rows int  1..1000
-- tenant: none, the administrator examines the queues of all tenants; it reads no contents
-- returns: queue text, user_id uuid, id uuid, overdue_s float8
-- index: ingestion_jobs_due_idx, message_jobs_due_idx, conversations_pkey, documents_user_status_idx
select
    j.queue,
    j.user_id,
    j.id,
    extract(epoch from now() - j.due_at)::float8 as overdue_s
from (
    (
        select
            'documents' as queue,
            q.user_id,
            q.document_id as id,
            q.due_at
        from ingestion_jobs as q
        order by q.due_at
        limit 10000
    )
    union all
    (
        select
            'messages' as queue,
            q.user_id,
            q.conversation_id as id,
            q.due_at
        from message_jobs as q
        order by q.due_at
        limit 10000
    )
) as j
left join documents as d
    on j.queue = 'documents' and j.user_id = d.user_id and j.id = d.id and d.status = 'processing'
left join conversations as c on j.queue = 'messages' and j.user_id = c.user_id and j.id = c.id
where d.id is null and c.id is null
order by j.due_at, j.id
limit $1::int;
