drop index concurrently if exists messages_system_idx;

create index concurrently messages_system_idx on messages (user_id, conversation_id, position)
where role = 'system';

drop index concurrently if exists messages_instructions_idx;
