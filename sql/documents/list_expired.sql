-- documents/list_expired :many
-- A batch of expired documents for a worker to delete, earliest expiry first, each with its number of chunks.
-- $1 max_rows int  1..1000
-- tenant: none, a worker sweeps for all tenants; the rows name the tenant of each deletion that follows
-- returns: user_id uuid, id uuid, part_count int8
-- index: documents_expires_idx
select
    d.user_id,
    d.id,
    d.chunk_count::int8 as part_count
from documents as d
where d.expires_at <= now()
order by d.expires_at
limit $1::int;
