-- usage/quotas :one
-- What a user has and may have: for their own page, and to say which limit stood in the way.
-- $1 user_id uuid  the tenant
-- returns: plan text, documents_used int8, documents_allowed int8, chunks_used int8, chunks_allowed int8,
--   bytes_used int8, bytes_allowed int8, tokens_used int8, tokens_allowed int8, requests_per_minute int8
-- index: users_pkey, vector_counts_pkey
select
    u.plan,
    coalesce(v.document_count, 0) as documents_used,
    p.max_documents as documents_allowed,
    coalesce(v.row_count, 0) as chunks_used,
    p.max_chunks as chunks_allowed,
    coalesce(v.byte_count, 0) as bytes_used,
    p.max_bytes as bytes_allowed,
    case
        when v.token_month = date_trunc('month', now() at time zone 'utc')::date then v.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed,
    p.requests_per_minute
from users as u
inner join plans as p on u.plan = p.name
left join vector_counts as v on u.id = v.user_id
where u.id = $1::uuid;
