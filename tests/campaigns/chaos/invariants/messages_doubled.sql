-- messages_doubled
-- Messages that exist more often than their clients were told, in any conversation of any user.
select
    t.user_id,
    t.conversation_id,
    t.content,
    count(*) as found_rows
from told_messages as t
inner join messages as m on t.content = m.content
group by t.user_id, t.conversation_id, t.content, t.most_rows
having count(*) > t.most_rows or bool_or((m.user_id, m.conversation_id) <> (t.user_id, t.conversation_id));
