-- import/count_messages :exec
-- Corrects the numbers of messages of imported conversations: some of the messages may have been deleted
-- during the export. The last position stays, so that no position is assigned twice.
-- $1 user_id uuid  the tenant
-- index: conversations_pkey, messages_pkey
update conversations as c
set
    message_count = m.counted,
    deleted_message_count = greatest(
        m.last_position,
        least(c.message_count, 4611686018427387903) + least(c.deleted_message_count, 4611686018427387903)
    ) - m.counted
from (
    select
        n.conversation_id,
        count(*) as counted,
        max(n.position) as last_position
    from messages as n
    where n.user_id = $1::uuid
    group by n.conversation_id
) as m
where
    c.user_id = $1::uuid
    and c.id = m.conversation_id
    and (c.message_count <> m.counted or c.message_count + c.deleted_message_count < m.last_position);
