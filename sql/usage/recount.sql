-- usage/recount :one
-- Recomputes the number of documents, bytes, chunks, conversations, messages and keys of a user, and also
-- returns the previous numbers. The limits of the plan do not apply to existing rows.
-- $1 user_id uuid  the tenant
-- returns: documents int8, documents_before int8, bytes int8, bytes_before int8, chunks int8,
--   chunks_before int8, conversations int8, conversations_before int8, messages int8, messages_before int8,
--   api_keys int8, api_keys_before int8
-- index: documents_pkey, tenant_totals_pkey, documents_user_filename_idx, conversations_pkey, api_keys_pkey
-- length: all totals are recomputed from one snapshot
with there as (
    select
        count(*) filter (where d.file_id is null) as documents,
        coalesce(sum(d.file_size) filter (where d.file_id is null), 0)::int8 as bytes,
        coalesce(sum(d.chunk_count), 0)::int8 as chunks
    from documents as d
    where d.user_id = $1::uuid
),

talks as (
    select
        count(*) as conversations,
        coalesce(sum(c.message_count), 0)::int8 as messages
    from conversations as c
    where c.user_id = $1::uuid
),

valid_keys as (
    select count(*) as api_keys
    from api_keys as k
    where k.user_id = $1::uuid and k.revoked_at is null
),

before as (
    select
        n.document_count,
        n.byte_count,
        n.chunk_count,
        n.conversation_count,
        n.message_count,
        n.key_count
    from tenant_totals as n
    where n.user_id = $1::uuid
)

update tenant_totals as n
set
    document_count = t.documents,
    byte_count = t.bytes,
    chunk_count = t.chunks,
    conversation_count = c.conversations,
    message_count = c.messages,
    key_count = k.api_keys,
    document_limit = null,
    byte_limit = null,
    chunk_limit = null,
    conversation_limit = null,
    message_limit = null,
    key_limit = null
from there as t
cross join talks as c
cross join valid_keys as k
cross join before as b
where n.user_id = $1::uuid
returning
    t.documents,
    b.document_count as documents_before,
    t.bytes,
    b.byte_count as bytes_before,
    t.chunks,
    b.chunk_count as chunks_before,
    c.conversations,
    b.conversation_count as conversations_before,
    c.messages,
    b.message_count as messages_before,
    k.api_keys,
    b.key_count as api_keys_before;
