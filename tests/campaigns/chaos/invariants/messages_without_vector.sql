-- messages_without_vector
-- Messages that were not embedded after the settling time, and conversations whose job is left.
select
    m.user_id,
    m.conversation_id,
    m.position,
    j.tries,
    j.due_at
from messages as m
left join message_jobs as j on m.user_id = j.user_id and m.conversation_id = j.conversation_id
where not exists (
    select 1 from message_vectors as v
    where v.user_id = m.user_id and v.conversation_id = m.conversation_id and v.position = m.position
);
