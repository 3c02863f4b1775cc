-- plans/get_to_change :one
-- One plan, locked until the end of the transaction, to compare it before a change.
-- $1 name text
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
where p.name = $1::text
for no key update;
