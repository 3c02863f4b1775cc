-- collections/touch :many
-- Notes that collections are used, which restarts their expiry, at most once a minute for each, or once in a
-- tenth of the time after which it expires if that is less. Returns those that exist and have not expired.
-- $1 user_id        uuid    the tenant
-- $2 collection_ids uuid[]  at most 100
-- $3 max_rows       int     1..100
-- returns: id uuid
-- index: collections_pkey
with touched as (
    update collections as c
    set last_active_at = now(), expires_at = now() + c.expires_after_s * interval '1 second'
    where
        c.user_id = $1::uuid
        and c.id = any($2::uuid[])
        and c.last_active_at < now() - least(interval '1 minute', c.expires_after_s * interval '0.1 second')
        and (c.expires_at is null or c.expires_at > now())
)

select c.id
from collections as c
where
    c.user_id = $1::uuid
    and c.id = any($2::uuid[])
    and (c.expires_at is null or c.expires_at > now())
order by c.id
limit $3::int;
