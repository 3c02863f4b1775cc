alter table message_jobs drop column again_from;

update conversations
set message_count = message_count + deleted_message_count
where deleted_message_count > 0;

alter table conversations drop column deleted_message_count;

comment on column messages.content is null;

update messages
set
    content = coalesce(content, ''),
    role = case role when 'developer' then 'system' when 'function' then 'tool' else role end
where content is null or role in ('developer', 'function');

alter table messages
alter column content set not null,
drop constraint messages_role_known,
drop column parts,
drop column tool_calls,
drop column tool_call_id,
drop column name,
drop column metadata,
drop column edited_at,
add constraint messages_role_known check (role in ('user', 'assistant', 'system', 'tool'));
