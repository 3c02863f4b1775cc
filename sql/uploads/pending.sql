-- uploads/pending :one
-- The number of a user's uploads that are neither completed nor cancelled nor expired, and the sum of their
-- declared bytes, for the limits of a new upload.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   maximum number of uploads counted
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
