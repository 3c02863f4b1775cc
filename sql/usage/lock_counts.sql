-- usage/lock_counts :exec
-- First statement of the transaction that counts anew what a user has: nothing is added or taken off until it
-- is over, and what the next statement sees is all there is.
-- $1 user_id uuid  the tenant
-- index: tenant_totals_pkey
insert into tenant_totals as t (user_id, chunk_count)
values ($1::uuid, 0)
on conflict (user_id) do update
    set chunk_count = t.chunk_count;
