update messages
set
    content = '',
    role = 'assistant'
where role = 'item';

alter table messages
drop constraint messages_role_known,
drop column item,
add constraint messages_role_known check (
    role in ('user', 'assistant', 'system', 'developer', 'tool', 'function')
);
