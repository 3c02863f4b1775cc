-- collections/list_expired :many
-- Expired collections that still contain files, earliest expiry first.
-- $1 max_rows int  1..1000
-- tenant: none, a worker sweeps for all tenants; the rows name the tenant of each change that follows
-- returns: user_id uuid, id uuid
-- index: collections_expires_idx
select
    c.user_id,
    c.id
from collections as c
where c.expires_at <= now() and c.expired_at is null
order by c.expires_at
limit $1::int;
