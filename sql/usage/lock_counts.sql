-- usage/lock_counts :exec
-- First statement of the transaction that recomputes a user's totals: locks them, so that the next statement
-- sees every row.
-- $1 user_id uuid  the tenant
-- index: tenant_totals_pkey
insert into tenant_totals as t (user_id, chunk_count)
values ($1::uuid, 0)
on conflict (user_id) do update
    set chunk_count = t.chunk_count;
