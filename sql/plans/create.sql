-- plans/create :one
-- Adds a plan with its limits, for the admin; null means no limit. No row: there is already the maximum
-- number of plans.
-- $1 name                text
-- $2 max_documents       int8 null
-- $3 max_chunks          int8 null
-- $4 max_bytes           int8 null
-- $5 max_conversations   int8 null
-- $6 max_messages        int8 null
-- $7 max_keys            int8 null
-- $8 tokens_per_month    int8 null
-- $9 requests_per_minute int8 null
-- $10 max_plans          int
-- returns: as plans/get
insert into plans as p (
    name, max_documents, max_chunks, max_bytes, max_conversations, max_messages, max_keys, tokens_per_month,
    requests_per_minute
)
select
    $1::text as name,
    $2::int8 as max_documents,
    $3::int8 as max_chunks,
    $4::int8 as max_bytes,
    $5::int8 as max_conversations,
    $6::int8 as max_messages,
    $7::int8 as max_keys,
    $8::int8 as tokens_per_month,
    $9::int8 as requests_per_minute
where (select count(*) from plans) < $10::int
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
