-- message_jobs/charge :exec
-- Last statement of the transaction that stores the vectors of messages: renews the lease, resets the count
-- of interruptions and adds to the token usage. No row: the lease was lost, or the conversation does not
-- exist, and nothing may be stored. A CHECK constraint of tenant_totals aborts the transaction if the limit
-- of the user's plan is exceeded.
-- $1 user_id         uuid    the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid    of the claim
-- $4 lease_s         float8
-- $5 token_count     int8    of the texts that were embedded
-- index: message_jobs_pkey, users_pkey, tenant_totals_pkey, usage_days_pkey, plans_pkey
-- plan: generic
with renewed as (
    update message_jobs as j
    set due_at = now() + make_interval(secs => $4::float8), interruptions = 0
    where j.user_id = $1::uuid and j.conversation_id = $2::uuid and j.lease = $3::uuid
    returning j.user_id
),

counted as (
    insert into tenant_totals as t (user_id, chunk_count, token_month, token_count, token_limit)
    select
        r.user_id,
        0 as chunk_count,
        date_trunc('month', now() at time zone 'utc')::date as token_month,
        $5::int8 as token_count,
        p.tokens_per_month as token_limit
    from renewed as r
    inner join users as u on r.user_id = u.id
    inner join plans as p on u.plan = p.name
    on conflict (user_id) do update
        set
            token_month = greatest(t.token_month, excluded.token_month),
            token_count = case
                when t.token_month < excluded.token_month then excluded.token_count
                else t.token_count + excluded.token_count
            end,
            token_limit = excluded.token_limit
    returning t.user_id
),

noted as (
    insert into usage_days as d (user_id, day, slot, tokens)
    select
        c.user_id,
        (now() at time zone 'utc')::date as day,
        pg_backend_pid() % 16 as slot,
        $5::int8 as tokens
    from counted as c
    on conflict (user_id, day, slot) do update
        set tokens = d.tokens + excluded.tokens
)

select r.user_id from renewed as r;
