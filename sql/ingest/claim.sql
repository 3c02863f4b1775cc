-- ingest/claim :one
-- Claims a due document for one worker until the lease ends. Users take turns: the search for a user with a
-- due job starts after the user that the worker served last and continues in the order of ids, wrapping
-- around at the end; the job of that user that has been due the longest is claimed. A user with many jobs
-- therefore delays every other user by one job per turn. The search stops after 100 users without a due job;
-- then, or if another worker is claiming the job that was found, the job that has been due the longest of all
-- jobs is claimed. Locked jobs are skipped: another worker claims them, or stores their documents. The claim
-- counts as interrupted until the worker reports how it ended. `due_at > '-infinity'` is always true; it is
-- the predicate of ingestion_jobs_user_due_idx.
-- $1 worker  text    the claiming worker, for people to read
-- $2 lease_s float8  seconds until the job is due again, for any worker
-- $3 after   uuid    the `turn` that the worker's last claim returned; all zeros for its first claim
-- tenant: none, a worker serves all tenants; the job names the tenant of all that follows
-- returns: user_id uuid, document_id uuid, attempt int, tries int, interruptions int, turn uuid
-- index: ingestion_jobs_user_due_idx, ingestion_jobs_due_idx, ingestion_jobs_pkey
-- length: the next user, their job, and the longest due job are looked up under one lock
with recursive users_in_turn as (
    select
        $3::uuid as user_id,
        'infinity'::timestamptz as due_at,
        0 as passed
    where (
        select q.due_at
        from ingestion_jobs as q
        order by q.due_at
        limit 1
    ) <= now()
    union all
    select
        coalesce(n.user_id, '00000000-0000-0000-0000-000000000000') as user_id,
        coalesce(n.due_at, 'infinity') as due_at,
        u.passed + 1 as passed
    from users_in_turn as u
    left join lateral (
        select
            q.user_id,
            q.due_at
        from ingestion_jobs as q
        where q.user_id > u.user_id and q.due_at > '-infinity'
        order by q.user_id, q.due_at
        limit 1
    ) as n on true
    where u.due_at > now() and u.passed < 100
),

in_turn as materialized (
    select
        q.user_id,
        q.document_id
    from ingestion_jobs as q
    where
        q.user_id = (
            select u.user_id from users_in_turn as u
            where u.due_at <= now()
        )
        and q.due_at <= now()
        and q.due_at > '-infinity'
    order by q.due_at
    limit 1
    for update skip locked
),

due_longest as materialized (
    select
        q.user_id,
        q.document_id
    from ingestion_jobs as q
    where q.due_at <= now() and not exists (select i.user_id from in_turn as i)
    order by q.due_at
    limit 1
    for update skip locked
)

update ingestion_jobs as j
set
    attempt = j.attempt + 1,
    interruptions = j.interruptions + 1,
    due_at = now() + make_interval(secs => $2::float8),
    worker = $1::text
from (
    select
        i.user_id,
        i.document_id
    from in_turn as i
    union all
    select
        l.user_id,
        l.document_id
    from due_longest as l
) as d
where j.user_id = d.user_id and j.document_id = d.document_id
returning
    j.user_id,
    j.document_id,
    j.attempt,
    j.tries,
    j.interruptions,
    (
        select u.user_id
        from users_in_turn as u
        order by u.passed desc
        limit 1
    ) as turn;
