-- messages_out_of_order
-- Conversations whose positions do not run from 1 without a gap, or whose count is not the number of messages.
select
    v.user_id,
    v.id,
    v.message_count,
    count(m.position) as found_rows,
    min(m.position) as first_position,
    max(m.position) as last_position
from conversations as v
left join messages as m on v.user_id = m.user_id and v.id = m.conversation_id
group by v.user_id, v.id, v.message_count
having
    count(m.position) <> v.message_count
    or coalesce(min(m.position), 1) <> 1
    or coalesce(max(m.position), 0) <> v.message_count;
