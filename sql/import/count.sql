-- import/count :exec
-- Computes the totals of an imported user and this month's usage, by which searches select their lane and
-- quotas are checked. Keys are not imported; existing keys of the user stay counted.
-- $1 user_id uuid  the tenant
-- index: chunk_vectors_signature_idx, usage_days_pkey, documents_user_filename_idx, chunk_vectors_pkey,
--   conversations_pkey, tenant_totals_pkey
with talks as (
    select
        count(*) as conversations,
        coalesce(sum(c.message_count), 0) as messages
    from conversations as c
    where c.user_id = $1::uuid
)

insert into tenant_totals as t (
    user_id, chunk_count, document_count, byte_count, conversation_count, message_count, token_month,
    token_count
)
select
    $1::uuid as user_id,
    (
        select count(*)
        from chunk_vectors as v
        where v.user_id = $1::uuid
    ) as chunk_count,
    count(d.id) filter (where d.file_id is null) as document_count,
    coalesce(sum(d.file_size) filter (where d.file_id is null), 0) as byte_count,
    (select k.conversations from talks as k) as conversation_count,
    (select k.messages from talks as k) as message_count,
    date_trunc('month', now() at time zone 'utc')::date as token_month,
    (
        select coalesce(sum(u.tokens), 0)
        from usage_days as u
        where u.user_id = $1::uuid and u.day >= date_trunc('month', now() at time zone 'utc')::date
    ) as token_count
from documents as d
where d.user_id = $1::uuid
on conflict (user_id) do update
    set
        chunk_count = excluded.chunk_count,
        document_count = excluded.document_count,
        byte_count = excluded.byte_count,
        conversation_count = excluded.conversation_count,
        message_count = excluded.message_count,
        token_month = excluded.token_month,
        token_count = excluded.token_count;
