-- usage/forget_flushes :exec
-- Deletes the rows of processes that have added no usage for a day, since they have ended. Each process runs
-- it at its first flush, so the table has about one row for each process that was started in a day.
-- $1 max_rows int
-- index: usage_flushes_flushed_at_idx, usage_flushes_pkey
delete from usage_flushes as f
where f.source = any(
    array(
        select e.source
        from usage_flushes as e
        where e.flushed_at < now() - interval '1 day'
        order by e.flushed_at
        limit $1::int
        for update skip locked
    )
);
