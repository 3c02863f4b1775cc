-- Why: the context of a conversation always has its system messages, wherever they stand. This index holds
-- them alone, so that they are found without reading what was said between them. What a killed build left is
-- dropped first.
-- depends: 0006.embedding_model
-- transactional: false
-- Lock: SHARE UPDATE EXCLUSIVE on messages while the index is built; reads and writes go on.
drop index concurrently if exists messages_system_idx;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists messages_system_idx on messages (user_id, conversation_id, position)
where role = 'system';
