-- messages_unexpected
-- Messages of the campaign's tenants that no client has sent.
select
    m.user_id,
    m.conversation_id,
    m.position,
    m.content
from messages as m
inner join told_users as u on m.user_id = u.user_id
where not exists (select 1 from told_messages as t where t.content = m.content);
