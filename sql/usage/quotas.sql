-- usage/quotas :one
-- The user's totals and the limits of the plan, for the user and for the error message of a request that
-- exceeds a limit.
-- $1 user_id uuid  the tenant
-- returns: plan text, documents_used int8, documents_allowed int8 null, chunks_used int8,
--   chunks_allowed int8 null, bytes_used int8, bytes_allowed int8 null, conversations_used int8,
--   conversations_allowed int8 null, messages_used int8, messages_allowed int8 null, keys_used int8,
--   keys_allowed int8 null, tokens_used int8, tokens_allowed int8 null, requests_per_minute int8 null
-- index: users_pkey, tenant_totals_pkey
select
    u.plan,
    coalesce(t.document_count, 0) as documents_used,
    p.max_documents as documents_allowed,
    coalesce(t.chunk_count, 0) as chunks_used,
    p.max_chunks as chunks_allowed,
    coalesce(t.byte_count, 0) as bytes_used,
    p.max_bytes as bytes_allowed,
    coalesce(t.conversation_count, 0) as conversations_used,
    p.max_conversations as conversations_allowed,
    coalesce(t.message_count, 0) as messages_used,
    p.max_messages as messages_allowed,
    coalesce(t.key_count, 0) as keys_used,
    p.max_keys as keys_allowed,
    case
        when t.token_month = date_trunc('month', now() at time zone 'utc')::date then t.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed,
    p.requests_per_minute
from users as u
inner join plans as p on u.plan = p.name
left join tenant_totals as t on u.id = t.user_id
where u.id = $1::uuid;
