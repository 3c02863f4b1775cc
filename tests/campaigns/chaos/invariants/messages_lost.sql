-- messages_lost
-- Messages that were acknowledged, in a conversation that nobody deleted, and that do not exist.
select
    t.user_id,
    t.conversation_id,
    t.content
from told_messages as t
where
    t.least_rows = 1
    and not exists (
        select 1 from messages as m
        where m.user_id = t.user_id and m.conversation_id = t.conversation_id and m.content = t.content
    );
