-- Why: the context of a conversation always has its instructions, wherever they are: the messages of the role
--   developer as well as those of the role system.
-- Lock: SHARE UPDATE EXCLUSIVE on messages: reads and writes go on. The drop of the old index waits for the
--   statements that use it.
-- On 10M rows: about five seconds.
-- Serves: messages/context
-- Rollback loses: nothing.
-- depends: 0017.messages_by_id
-- transactional: false
drop index concurrently if exists messages_instructions_idx;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently messages_instructions_idx on messages (user_id, conversation_id, position)
where role in ('system', 'developer');

drop index concurrently if exists messages_system_idx;
