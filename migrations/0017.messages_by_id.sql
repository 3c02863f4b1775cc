-- Why: a message is read, edited and deleted by its id; the primary key has its position.
-- Lock: SHARE UPDATE EXCLUSIVE on messages: reads and writes go on.
-- On 10M rows: about ten seconds.
-- Serves: messages/get, messages/delete, users/delete, items/get, message_search/bits,
--   message_search/exact
-- Rollback loses: nothing.
-- depends: 0016.chat_messages_validated
-- transactional: false
drop index concurrently if exists messages_id_idx;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently messages_id_idx on messages (user_id, id);
