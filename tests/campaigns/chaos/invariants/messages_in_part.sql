-- messages_in_part
-- Lists of messages of which some were stored and some were not.
select
    t.batch,
    count(*) as sent,
    count(m.position) as found_rows
from told_messages as t
left join messages as m
    on t.user_id = m.user_id and t.conversation_id = m.conversation_id and t.content = m.content
group by t.batch
having count(m.position) not in (0, count(*));
