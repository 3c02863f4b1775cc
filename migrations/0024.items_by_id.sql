-- Why: an item whose id the client gave is found by that id, which no other item of its conversation has.
-- Lock: SHARE UPDATE EXCLUSIVE on messages: reads and writes go on.
-- On 10M rows: about ten seconds. Only items with such an id are in it.
-- Serves: items/get, messages/append
-- Rollback loses: nothing.
-- depends: 0023.items_validated
-- transactional: false
drop index concurrently if exists messages_item_id_idx;

-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create unique index concurrently messages_item_id_idx on messages (user_id, conversation_id, (item ->> 'id'))
where item ->> 'id' is not null;
