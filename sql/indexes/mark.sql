-- indexes/mark :exec
-- Notes whether a tenant's searches may go through an index of their own.
-- $1 user_id   uuid  the tenant
-- $2 has_index bool
-- index: vector_counts_pkey
update vector_counts as v
set has_index = $2::bool
where v.user_id = $1::uuid;
