-- collections/touch :many
-- Records the use of collections, which restarts their expiry, at most once per second for each, or once per
-- tenth of its expiry time if that is less. It does not wait for a concurrent request that uses or changes a
-- collection, since that also records its use. Returns the collections that exist and have not expired.
-- $1 user_id        uuid    the tenant
-- $2 collection_ids uuid[]  at most 100
-- $3 max_rows       int     1..100
-- returns: id uuid
-- index: collections_pkey
with due as materialized (
    select c.id
    from collections as c
    where
        c.user_id = $1::uuid
        and c.id = any($2::uuid[])
        and c.last_active_at < now() - least(interval '1 second', c.expires_after_s * interval '0.1 second')
        and has_not_expired(c)
    order by c.id
    for no key update skip locked
),

touched as (
    update collections as c
    set last_active_at = now(), expires_at = now() + c.expires_after_s * interval '1 second'
    from due as e
    where c.user_id = $1::uuid and c.id = any($2::uuid[]) and c.id = e.id
)

select c.id
from collections as c
where
    c.user_id = $1::uuid
    and c.id = any($2::uuid[])
    and has_not_expired(c)
order by c.id
limit $3::int;
