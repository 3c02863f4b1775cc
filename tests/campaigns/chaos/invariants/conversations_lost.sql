-- conversations_lost
-- Conversations that were acknowledged and do not exist, or whose deletion was acknowledged and that do.
select
    t.user_id,
    t.conversation_id,
    t.least_rows,
    t.most_rows,
    count(v.id) as found_rows
from told_conversations as t
left join conversations as v on t.user_id = v.user_id and t.conversation_id = v.id
group by t.user_id, t.conversation_id, t.least_rows, t.most_rows
having count(v.id) not between t.least_rows and t.most_rows;
