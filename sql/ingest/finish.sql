-- ingest/finish :exec
-- Last statement of the transaction that stores a document: adds to the tenant's totals and token usage. A
-- CHECK constraint of tenant_totals aborts the transaction if a limit of the user's plan is exceeded. It runs
-- last, because all documents of a tenant share the row of the totals.
-- $1 user_id        uuid  the tenant
-- $2 chunk_count    int
-- $3 token_count    int8  of the chunks that were embedded, without those whose vector was reused
-- $4 earlier_chunks int   number of chunks that were replaced
-- index: users_pkey, tenant_totals_pkey, usage_days_pkey
-- plan: generic
with counted as (
    insert into tenant_totals as t (user_id, chunk_count, token_month, token_count, chunk_limit, token_limit)
    select
        u.id as user_id,
        greatest(0, $2::int - $4::int) as chunk_count,
        date_trunc('month', now() at time zone 'utc')::date as token_month,
        $3::int8 as token_count,
        p.max_chunks as chunk_limit,
        case when $3::int8 > 0 then p.tokens_per_month end as token_limit
    from users as u
    inner join plans as p on u.plan = p.name
    where u.id = $1::uuid
    on conflict (user_id) do update
        set
            chunk_count = t.chunk_count + $2::int - $4::int,
            token_month = greatest(t.token_month, excluded.token_month),
            token_count = case
                when t.token_month < excluded.token_month then excluded.token_count
                else t.token_count + excluded.token_count
            end,
            chunk_limit = excluded.chunk_limit,
            token_limit = excluded.token_limit
    returning t.user_id
)

insert into usage_days as d (user_id, day, slot, tokens)
select
    c.user_id,
    (now() at time zone 'utc')::date as day,
    pg_backend_pid() % 16 as slot,
    $3::int8 as tokens
from counted as c
on conflict (user_id, day, slot) do update
    set tokens = d.tokens + excluded.tokens;
