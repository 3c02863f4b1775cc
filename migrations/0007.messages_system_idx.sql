-- Why: the context of a conversation always has its system messages, wherever they stand. This index holds
--   them alone, so that they are found without reading what was said between them. What a killed build left
--   is dropped first.
-- Lock: SHARE UPDATE EXCLUSIVE on messages while the index is built; reads and writes go on.
-- On 10M rows: some twenty seconds; the table is read twice.
-- Serves: messages/context
-- Rollback loses: nothing that cannot be built again.
-- depends: 0006.embedding_model
-- transactional: false
drop index concurrently if exists messages_system_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists messages_system_idx on messages (user_id, conversation_id, position)
where role = 'system';
