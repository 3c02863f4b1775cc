-- Why: the constraints of the migration before are validated apart, so that messages are read without a lock
--   that excludes their readers and writers.
-- Lock: SHARE UPDATE EXCLUSIVE on messages: reads and writes go on.
-- On 10M rows: about ten seconds.
-- Serves: messages/append, import/messages
-- Rollback loses: nothing.
-- depends: 0022.items
alter table messages validate constraint messages_role_known;
alter table messages validate constraint messages_item_object;
