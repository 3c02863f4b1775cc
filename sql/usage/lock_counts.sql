-- usage/lock_counts :exec
-- First statement of the transaction that counts anew what a user has: nothing is added or taken off until it
-- is over, and what the next statement sees is all there is.
-- $1 user_id uuid  the tenant
-- index: vector_counts_pkey
insert into vector_counts as v (user_id, row_count)
values ($1::uuid, 0)
on conflict (user_id) do update
    set row_count = v.row_count;
