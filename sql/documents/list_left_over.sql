-- documents/list_left_over :many
-- Deleted documents with remaining rows, for a worker to erase in batches.
-- $1 max_rows int  1..1000
-- tenant: none, a worker sweeps for all tenants; the rows name the tenant of each deletion that follows
-- returns: user_id uuid, document_id uuid
-- index: document_contents_left_over_idx
select
    b.user_id,
    b.document_id
from document_contents as b
where b.removed_at < 'infinity'
order by b.user_id, b.document_id
limit $1::int;
