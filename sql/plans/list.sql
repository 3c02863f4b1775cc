-- plans/list :many
-- The plans with their limits, for the admin.
-- $1 max_rows int
-- returns: as plans/get
select
    p.name,
    p.max_documents,
    p.max_chunks,
    p.max_bytes,
    p.max_conversations,
    p.max_messages,
    p.max_keys,
    p.tokens_per_month,
    p.requests_per_minute,
    p.updated_at
from plans as p
order by p.name
limit $1::int;
