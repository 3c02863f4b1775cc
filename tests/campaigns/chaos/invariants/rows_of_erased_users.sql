-- rows_of_erased_users
-- Rows of users whose erasure was acknowledged, in any table.
select
    e.user_id,
    f.table_name
from told_erased as e
cross join lateral (
    select 'users' as table_name from users as t where t.id = e.user_id
    union all select 'api_keys' from api_keys as t where t.user_id = e.user_id
    union all select 'chunk_vectors' from chunk_vectors as t where t.user_id = e.user_id
    union all select 'chunks' from chunks as t where t.user_id = e.user_id
    union all select 'conversation_documents' from conversation_documents as t where t.user_id = e.user_id
    union all select 'conversations' from conversations as t where t.user_id = e.user_id
    union all select 'document_contents' from document_contents as t where t.user_id = e.user_id
    union all select 'documents' from documents as t where t.user_id = e.user_id
    union all select 'idempotency_keys' from idempotency_keys as t where t.user_id = e.user_id
    union all select 'ingestion_jobs' from ingestion_jobs as t where t.user_id = e.user_id
    union all select 'message_jobs' from message_jobs as t where t.user_id = e.user_id
    union all select 'message_vectors' from message_vectors as t where t.user_id = e.user_id
    union all select 'messages' from messages as t where t.user_id = e.user_id
    union all select 'tenant_totals' from tenant_totals as t where t.user_id = e.user_id
    union all select 'usage_days' from usage_days as t where t.user_id = e.user_id
) as f;
