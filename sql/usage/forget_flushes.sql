-- usage/forget_flushes :exec
-- Forgets processes that have added no usage for a day: they have ended. Each process runs it at its first
-- flush, so the table has about as many rows as processes were started in a day.
-- $1 max_rows int
-- index: usage_flushes_flushed_at_idx
with ended as (
    select f.source
    from usage_flushes as f
    where f.flushed_at < now() - interval '1 day'
    order by f.flushed_at
    limit $1::int
    for update skip locked
)

delete from usage_flushes as f
using ended as e
where f.source = e.source;
