-- totals_wrong
-- Users whose counted documents, bytes, chunks, conversations, messages or keys are not those that they have.
select
    u.id as user_id,
    t.document_count,
    d.documents,
    t.byte_count,
    d.bytes,
    t.chunk_count,
    c.chunks,
    t.conversation_count,
    v.conversations,
    t.message_count,
    m.messages,
    t.key_count,
    k.keys
from users as u
left join tenant_totals as t on u.id = t.user_id
cross join lateral (
    select
        count(*) as documents,
        coalesce(sum(o.file_size), 0)::int8 as bytes
    from documents as o
    where o.user_id = u.id and o.file_id is null
) as d
cross join lateral (select count(*) as chunks from chunks as o where o.user_id = u.id) as c
cross join lateral (select count(*) as conversations from conversations as o where o.user_id = u.id) as v
cross join lateral (select count(*) as messages from messages as o where o.user_id = u.id) as m
cross join lateral (
    select count(*) as keys
    from api_keys as o
    where o.user_id = u.id and o.revoked_at is null
) as k
where
    (
        coalesce(t.document_count, 0), coalesce(t.byte_count, 0), coalesce(t.chunk_count, 0),
        coalesce(t.conversation_count, 0), coalesce(t.message_count, 0), coalesce(t.key_count, 0)
    )
    is distinct from (d.documents, d.bytes, c.chunks, v.conversations, m.messages, k.keys);
