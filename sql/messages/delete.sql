-- messages/delete :value
-- Deletes one message with its vectors and terms, in the transaction that holds its conversation. The
-- position is not assigned again. A worker that has read the text loses its lease, so that it cannot store
-- the vectors of that text. No row: the message does not exist.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 message_id      uuid
-- returns: position int8 null
-- index: messages_id_idx, message_vectors_pkey, message_terms_pkey, conversations_pkey, message_jobs_pkey,
--   tenant_totals_pkey
with deleted as (
    delete from messages as m
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.id = $3::uuid
    returning m.position
),

forgotten as (
    delete from message_vectors as v
    using deleted as d
    where v.user_id = $1::uuid and v.conversation_id = $2::uuid and v.position = d.position
),

forgotten_terms as (
    delete from message_terms as t
    using deleted as n
    where t.user_id = $1::uuid and t.conversation_id = $2::uuid and t.position = n.position
),

counted as (
    update conversations as c
    set
        message_count = c.message_count - 1,
        deleted_message_count = c.deleted_message_count + 1,
        updated_at = now()
    from deleted as d
    where c.user_id = $1::uuid and c.id = $2::uuid and d.position is not null
),

unclaimed as (
    update message_jobs as j
    set
        due_at = now(),
        lease = null,
        worker = null
    from deleted as d
    where
        j.user_id = $1::uuid
        and j.conversation_id = $2::uuid
        and j.lease is not null
        and d.position is not null
    returning j.conversation_id
),

uncounted as (
    insert into tenant_totals as t (user_id, chunk_count, message_count)
    select
        $1::uuid as user_id,
        0 as chunk_count,
        count(d.position) as message_count
    from deleted as d
    where (select count(*) from unclaimed) >= 0
    having count(d.position) > 0
    on conflict (user_id) do update
        set message_count = greatest(0, t.message_count - excluded.message_count)
)

select d.position
from deleted as d;
