-- uploads/list_expired :many
-- A batch of expired uploads, including completed and cancelled ones, for a worker to delete.
-- $1 max_rows int  1..1000
-- tenant: none, a worker sweeps for all tenants; the rows name the tenant of each deletion that follows
-- returns: user_id uuid, id uuid
-- index: uploads_expires_idx
select
    u.user_id,
    u.id
from uploads as u
where u.expires_at <= now()
order by u.expires_at
limit $1::int;
