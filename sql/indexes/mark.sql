-- indexes/mark :exec
-- Records whether a tenant's searches can use an index of their own.
-- $1 user_id   uuid  the tenant
-- $2 has_index bool
-- index: tenant_totals_pkey
update tenant_totals as t
set has_index = $2::bool
where t.user_id = $1::uuid;
