-- plans/get :one
-- One plan with its limits.
-- $1 name text
-- returns: name text, max_documents int8 null, max_chunks int8 null, max_bytes int8 null,
--   max_conversations int8 null, max_messages int8 null, max_keys int8 null, tokens_per_month int8 null,
--   requests_per_minute int8 null, updated_at timestamptz
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
where p.name = $1::text;
