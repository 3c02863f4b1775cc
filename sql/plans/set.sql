-- plans/set :one
-- Changes limits of a plan. Since null is a value (no limit), the caller also names the limits to change.
-- $1 name                text
-- $2 changed             text[]     the columns to change
-- $3 max_documents       int8 null
-- $4 max_chunks          int8 null
-- $5 max_bytes           int8 null
-- $6 max_conversations   int8 null
-- $7 max_messages        int8 null
-- $8 max_keys            int8 null
-- $9 tokens_per_month    int8 null
-- $10 requests_per_minute int8 null
-- returns: as plans/get
update plans as p
set
    max_documents = case when 'max_documents' = any($2::text[]) then $3::int8 else p.max_documents end,
    max_chunks = case when 'max_chunks' = any($2::text[]) then $4::int8 else p.max_chunks end,
    max_bytes = case when 'max_bytes' = any($2::text[]) then $5::int8 else p.max_bytes end,
    max_conversations = case
        when 'max_conversations' = any($2::text[]) then $6::int8 else p.max_conversations
    end,
    max_messages = case when 'max_messages' = any($2::text[]) then $7::int8 else p.max_messages end,
    max_keys = case when 'max_keys' = any($2::text[]) then $8::int8 else p.max_keys end,
    tokens_per_month = case
        when 'tokens_per_month' = any($2::text[]) then $9::int8 else p.tokens_per_month
    end,
    requests_per_minute = case
        when 'requests_per_minute' = any($2::text[]) then $10::int8 else p.requests_per_minute
    end,
    updated_at = now()
where p.name = $1::text
returning
    p.name,
    p.max_documents,
    p.max_chunks,
    p.max_bytes,
    p.max_conversations,
    p.max_messages,
    p.max_keys,
    p.tokens_per_month,
    p.requests_per_minute,
    p.updated_at;
