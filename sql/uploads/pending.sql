-- uploads/pending :one
-- How many uploads of a user are neither completed nor cancelled nor expired, and how many bytes they are to
-- have, for the limits of a new one.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   uploads that are counted at most
-- returns: pending_count int8, pending_bytes int8
-- index: uploads_pkey
select
    count(*) as pending_count,
    coalesce(sum(p.file_bytes), 0)::int8 as pending_bytes
from (
    select u.file_bytes
    from uploads as u
    where u.user_id = $1::uuid and u.status = 'pending' and u.expires_at > now()
    order by u.id
    limit $2::int
) as p;
