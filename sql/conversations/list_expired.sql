-- conversations/list_expired :many
-- A batch of expired conversations for a worker to delete, earliest expiry first, each with its number of
-- messages.
-- $1 max_rows int  1..1000
-- tenant: none, a worker sweeps for all tenants; the rows name the tenant of each deletion that follows
-- returns: user_id uuid, id uuid, part_count int8
-- index: conversations_expires_idx
select
    c.user_id,
    c.id,
    c.message_count::int8 as part_count
from conversations as c
where c.expires_at <= now()
order by c.expires_at
limit $1::int;
